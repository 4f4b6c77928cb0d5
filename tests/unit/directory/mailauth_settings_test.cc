#include "server/directory/mailauth_settings.h"

#include <catch2/catch.hpp>

#include "server/directory/writer.h"
#include "tests/unit/temp_folder.h"

namespace hauspost::directory {

namespace {

std::string word(const MailauthSettings& settings, std::string_view name) {
  for (auto& [known, value] : in_words(settings))
    if (known == name) return value;
  return "?";
}

}  // namespace

TEST_CASE("directory: settings of authentication have defaults, stay, and go back") {
  test::TempFolder folder;
  const auto writer = DirectoryWriter::open(folder / "directory");
  REQUIRE(writer);
  const DirectoryReader& reader = (*writer)->reader();
  auto settings = mailauth_settings(reader).value();
  CHECK(in_words(settings) == in_words(MailauthSettings()));
  CHECK(settings.checks.enforcement == mailauth::Enforcement::kQuarantine);
  CHECK_FALSE(settings.checks.skip.empty());
  CHECK_FALSE(settings.reports);
  const std::pair<std::string_view, std::string_view> changes[] = {
      {"spf", "off"},
      {"enforce", "reject"},
      {"skip", "none"},
      {"trusted-sealers", "Lists.Example.ORG example.net lists.example.org"},
      {"authserv-id", "mail.example.org"},
      {"time-limit-ms", "2500"},
      {"reports", "on"},
      {"report-from", "dmarc@example.org"},
      {"report-organization", "Example & Co"}};
  for (const auto& [name, value] : changes) {
    INFO(name);
    REQUIRE(change(settings, name, value));
  }
  REQUIRE(set_mailauth_settings(**writer, settings));
  const auto kept = mailauth_settings(reader).value();
  CHECK(in_words(kept) == in_words(settings));
  CHECK(kept.checks.skip.empty());
  CHECK(kept.checks.trusted_sealers ==
        std::vector<std::string>{"lists.example.org", "example.net"});
  CHECK(kept.checks.time_limit == Milliseconds(2500));
  for (const auto& [name, value] : changes) REQUIRE(change(settings, name, ""));
  REQUIRE(set_mailauth_settings(**writer, settings));
  CHECK(in_words(mailauth_settings(reader).value()) == in_words(MailauthSettings()));
}

TEST_CASE("directory: settings of authentication that cannot be are refused") {
  MailauthSettings settings;
  const std::pair<std::string_view, std::string_view> bad[] = {{"spf", "yes"},
                                                               {"enforce", "sometimes"},
                                                               {"skip", "example.org"},
                                                               {"skip", "10.0.0.1/8"},
                                                               {"trusted-sealers", "a b/c"},
                                                               {"authserv-id", "two words"},
                                                               {"time-limit-ms", "10"},
                                                               {"time-limit-ms", "x"},
                                                               {"report-from", "nobody"},
                                                               {"report-organization", "a\nb"},
                                                               {"unknown", "on"},
                                                               {"unknown", ""}};
  for (const auto& [name, value] : bad) {
    INFO(name << " " << value);
    const auto refused = change(settings, name, value);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kInvalid);
  }
  CHECK(in_words(settings) == in_words(MailauthSettings()));
  CHECK(word(settings, "skip").find("10.0.0.0/8") != std::string::npos);
}

}  // namespace hauspost::directory
