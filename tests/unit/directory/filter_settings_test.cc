#include "server/directory/filter_settings.h"

#include <catch2/catch.hpp>

#include "server/directory/writer.h"
#include "tests/unit/temp_folder.h"

using namespace hauspost;
using namespace hauspost::directory;
using hauspost::transport::FilterSettings;

namespace {

FilterWords words(std::string kind, std::string name = {},
                  std::map<std::string, std::string> values = {}) {
  return {std::move(kind), std::move(name), std::move(values)};
}

const std::string kMailbox = "11111111-2222-3333-4444-555555555555";

FilterSettings everything() {
  FilterSettings settings;
  for (const FilterWords& one :
       {words("ip-allow", "192.0.2.0/24", {{"until", "1795288500"}, {"note", "the branch"}}),
        words("ip-block", "2001:db8::/32"), words("sender", "*.bad.example"),
        words("recipient", "nobody@"), words("dnsbl-exempt", "postmaster@example.org"),
        words("dnsbl", "list.example.net",
              {{"priority", "5"}, {"codes", "127.0.0.2 127.0.0.4/30"}, {"text", "%IP"}}),
        words("milter", "spam", {{"address", "inet:127.0.0.1:8891"}, {"on-failure", "accept"}})})
    REQUIRE(add_filter(settings, one));
  for (const FilterWords& one :
       {words("greylist", "", {{"enabled", "on"}, {"delay", "60"}}),
        words("client-checks", "", {{"reject-score", "6"}}),
        words("reputation", "", {{"block-level", "9"}}),
        words("null-sender", "", {{"enabled", "on"}}), words("caps", "", {{"messages", "100"}}),
        words("caps", kMailbox, {{"recipients", "7"}})})
    REQUIRE(change_filter(settings, one));
  return settings;
}

}  // namespace

TEST_CASE("filter settings: kept in the directory as they were") {
  const test::TempFolder folder;
  const auto writer = DirectoryWriter::open(folder / "directory");
  REQUIRE(writer);
  CHECK(filter_settings((*writer)->reader()) == FilterSettings());
  const FilterSettings settings = everything();
  REQUIRE(set_filter_settings(**writer, settings));
  const auto kept = filter_settings((*writer)->reader());
  REQUIRE(kept);
  CHECK(*kept == settings);
  CHECK(kept->greylist.delay_s == 60);
  CHECK(kept->block_null_sender);
  CHECK(kept->dns_lists.at(0).codes.size() == 2);
  CHECK(kept->milters.at(0).on_failure == transport::Milter::OnFailure::kAccept);
  // What a mailbox has of its own begins with what everybody has.
  CHECK(kept->caps_of(*Guid::parse(kMailbox)) ==
        transport::UserCaps{.messages = 100, .recipients = 7});
  CHECK(kept->caps_of(Guid::random()).recipients == 0);
  REQUIRE(set_filter_settings(**writer, {}));
  CHECK((*writer)->reader().setting("filters") == "");
}

TEST_CASE("filter settings: what is wrong is refused and changes nothing") {
  FilterSettings settings = everything();
  const FilterSettings before = settings;
  using Words = FilterWords;
  for (const Words& wrong :
       {words("ip-block", "192.0.2.1/24"), words("ip-block", "example.org"),
        words("sender", "not a pattern"), words("dnsbl", "list"), words("dnsbl", "-.example"),
        words("dnsbl", "x.example", {{"codes", "192.0.2.1"}}),
        words("dnsbl", "x.example", {{"codes", "0.0.0.0/0"}}),
        words("dnsbl", "x.example", {{"text", std::string(241, 'x')}}),
        words("dnsbl", "x.example", {{"text", "two\r\nlines"}}),
        words("dnsbl", "x.example", {{"unknown", "1"}}), words("milter", "x"),
        words("milter", "X Y", {{"address", "unix:/a"}}),
        words("milter", "x", {{"address", "unix:relative"}}),
        words("milter", "x", {{"address", "unix:/a"}, {"on-failure", "drop"}}),
        words("milter", "x", {{"address", "unix:/a"}, {"command-timeout", "0"}}),
        words("greylist", "x"), words("anything", "x")}) {
    CAPTURE(wrong.kind, wrong.name);
    CHECK(add_filter(settings, wrong).error().code == ErrorCode::kInvalid);
  }
  CHECK(add_filter(settings, words("dnsbl", "LIST.example.net")).error().code ==
        ErrorCode::kExists);
  CHECK(change_filter(settings, words("dnsbl", "other.example")).error().code ==
        ErrorCode::kNotFound);
  CHECK(remove_filter(settings, "sender", "good.example").error().code == ErrorCode::kNotFound);
  CHECK(remove_filter(settings, "caps", "").error().code == ErrorCode::kNotFound);
  for (const Words& wrong : {words("greylist", "", {{"delay", "0"}}),
                             words("greylist", "", {{"delay", "60"}, {"keep", "x"}}),
                             words("reputation", "", {{"block-level", "10"}}),
                             words("null-sender", "", {{"enabled", "yes"}}),
                             words("caps", "anna@example.org", {{"messages", "1"}})})
    CHECK(change_filter(settings, wrong).error().code == ErrorCode::kInvalid);
  CHECK(settings == before);
}

TEST_CASE("filter settings: changed, removed, and said in words") {
  FilterSettings settings = everything();
  const auto changed =
      change_filter(settings, words("milter", "spam", {{"enabled", "off"}, {"priority", "3"}}));
  REQUIRE(changed);
  CHECK(changed->values.at("address") == "inet:127.0.0.1:8891");
  CHECK(changed->values.at("enabled") == "off");
  CHECK(remove_filter(settings, "ip-block", "2001:db8::/32"));
  CHECK(remove_filter(settings, "caps", kMailbox));
  CHECK(settings.blocked.empty());
  CHECK(settings.mailbox_caps.empty());
  const auto lists = filter_words(settings, "dnsbl");
  REQUIRE(lists.size() == 1);
  CHECK(lists[0].values.at("codes") == "127.0.0.2 127.0.0.4/30");
  CHECK(filter_words(FilterSettings()).size() == 5);
}
