#include <unistd.h>

#include <catch2/catch.hpp>

#include "server/supervisor/settings.h"

using namespace hauspost;
using namespace hauspost::supervisor;

namespace {

constexpr std::string_view kBase =
    "[server]\nhostname = \"mail.example.org\"\n[tls]\ncertificate = \"c\"\nkey = \"k\"\n";
constexpr std::string_view kEveryone =
    "[users]\nauth = \"a\"\nfrontend = \"f\"\ntransport = \"t\"\nstore = \"s\"\nweb = \"w\"\n"
    "health = \"h\"\nacme = 61007\n";

Result<ServerSettings> parse(const std::string& more) {
  return parse_settings(std::string(kBase) + more, "/data");
}

}  // namespace

TEST_CASE("settings: users of roles are read and written back") {
  const auto none = parse("");
  REQUIRE(none);
  CHECK_FALSE(none->users.switching);
  CHECK(none->confinement);
  const auto read = parse(std::string(kEveryone) +
                          "group = \"mail\"\nauth_groups = [\"shadow\"]\n"
                          "[supervisor]\nconfinement = false\n");
  REQUIRE(read);
  CHECK(read->users.switching);
  CHECK(read->users.names ==
        std::array<std::string, child::kRoleCount>{"a", "f", "t", "s", "w", "h", "61007"});
  CHECK(read->users.group == "mail");
  CHECK(read->users.auth_groups == std::vector<std::string>{"shadow"});
  CHECK_FALSE(read->confinement);
  const auto again = parse_settings(format_settings(*read), "/data");
  REQUIRE(again);
  CHECK(again->users.names == read->users.names);
  CHECK(again->users.group == read->users.group);
  CHECK(again->users.auth_groups == read->users.auth_groups);
  CHECK_FALSE(again->confinement);
}

TEST_CASE("settings: users of roles that cannot be are refused with the key") {
  const std::pair<std::string, std::string> wrong[] = {
      {"[users]\n", "users.auth is missing"},
      {std::string(kEveryone), "users.group is missing"},
      {std::string(kEveryone) + "group = \"\"\n", "users.group must be"},
      {std::string(kEveryone) + "group = -1\n", "users.group must be"},
      {std::string(kEveryone) + "group = 5\nauth_groups = \"x\"\n", "users.auth_groups must be"},
      {std::string(kEveryone) + "group = 5\nadmin = \"x\"\n", "unknown key users.admin"},
      {"[users]\nauth = \"a\"\nfrontend = \"a\"\n", "are both \"a\""},
      {"[supervisor]\nconfinement = \"no\"\n", "supervisor.confinement must be"},
  };
  for (const auto& [text, cause] : wrong) {
    INFO(text);
    const auto read = parse(text);
    REQUIRE(!read);
    CHECK(read.error().text.find(cause) != std::string::npos);
  }
}

TEST_CASE("settings: users are found by name and number, and none is root or another's") {
  UserNames names;
  CHECK_FALSE(find_users(names)->switching);
  names.switching = true;
  names.names = {"daemon", "bin", "61003", "61004", "61005", "61006", "61007"};
  names.group = "mail";
  const auto found = find_users(names);
  REQUIRE(found);
  CHECK(found->switching == (::geteuid() == 0));
  CHECK(found->of(child::Role::kAuth) == 1);
  CHECK(found->of(child::Role::kTransport) == 61003);
  CHECK(found->group == 8);
  UserNames other = names;
  other.names[3] = "no-such-user";
  CHECK(find_users(other).error().text.find("users.store: no user") != std::string::npos);
  other.names[3] = "root";
  CHECK(find_users(other).error().text.find("is root") != std::string::npos);
  other.names[3] = "1";  // daemon's number
  CHECK(find_users(other).error().text.find("another role") != std::string::npos);
  other = names;
  other.group = "no-such-group";
  CHECK(find_users(other).error().text.find("users.group: no group") != std::string::npos);
}
