#include "server/directory/client_settings.h"

#include <catch2/catch.hpp>

#include "server/directory/web_settings.h"
#include "server/directory/writer.h"
#include "tests/unit/temp_folder.h"

using namespace hauspost;
using namespace hauspost::directory;

TEST_CASE("client settings: HOST:PORT:SSL, TLS or nothing", "[client-settings]") {
  for (const auto& [text, same] : std::initializer_list<std::pair<std::string, std::string>>{
           {"Mail.Example.org:993:ssl", "mail.example.org:993:SSL"},
           {"mail.example.org:143:TLS", "mail.example.org:143:TLS"},
           {"mail.example.org:143:", "mail.example.org:143:"}}) {
    const auto parsed = parse_connection_setting(text);
    REQUIRE(parsed);
    CHECK(to_string(*parsed) == same);
    CHECK(*parse_connection_setting(same) == *parsed);
  }
  for (const std::string_view bad :
       {"", "mail.example.org", "mail.example.org:993", "mail.example.org:0:SSL",
        "mail.example.org:65536:SSL", "mail.example.org:x:SSL", "mail:993:SSL",
        "mail.example.org:993:STARTTLS", "192.0.2.1 :993:SSL", "a b.example:993:SSL",
        "[2001:db8::1]:993:SSL", "[192.0.2.1]:993:SSL", ":993:SSL", "mail.example.org:993:SSL:"}) {
    INFO(bad);
    const auto parsed = parse_connection_setting(bad);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == ErrorCode::kInvalid);
  }
}

TEST_CASE("client settings: each must match a binding's port and mode", "[client-settings]") {
  const test::TempFolder folder;
  const auto writer = DirectoryWriter::open(folder / "directory");
  REQUIRE(writer);
  const ClientBinding bindings[] = {{"imaps", 993}, {"imap", 143}, {"pop3s", 995}};
  REQUIRE(note_client_bindings(**writer, bindings));
  const auto ask = asking((*writer)->reader());
  CHECK(client_bindings(ask).size() == 3);
  const auto fits = [&](std::string_view protocol, std::string_view text) {
    const auto parsed = parse_connection_setting(text);
    REQUIRE(parsed);
    return check_connection_settings(ask, protocol, {&*parsed, 1}).has_value();
  };
  CHECK(fits("imap", "a.example:993:SSL"));
  CHECK(fits("imap", "a.example:143:TLS"));
  CHECK_FALSE(fits("imap", "a.example:993:TLS"));
  CHECK_FALSE(fits("imap", "a.example:143:SSL"));
  CHECK_FALSE(fits("imap", "a.example:995:SSL"));
  CHECK(fits("pop3", "a.example:995:SSL"));
  CHECK_FALSE(fits("pop3", "a.example:110:TLS"));
  // In the clear only where the listener takes passwords so.
  CHECK_FALSE(fits("imap", "a.example:143:"));
  REQUIRE(set_listener_rules(**writer, "imap", {.plain_logins = true}));
  CHECK(fits("imap", "a.example:143:"));

  const ConnectionSetting two[] = {{"a.example", 993, Encryption::kTls},
                                   {"b.example", 143, Encryption::kStartTls}};
  REQUIRE(set_connection_settings(**writer, "imap", Side::kExternal, two));
  CHECK(connection_settings(ask, "imap", Side::kExternal) ==
        std::vector<ConnectionSetting>{two[0], two[1]});
  CHECK(connection_settings(ask, "imap", Side::kInternal).empty());
  CHECK(connection_settings(ask, "pop3", Side::kExternal).empty());
  REQUIRE(set_connection_settings(**writer, "imap", Side::kExternal, {}));
  CHECK(connection_settings(ask, "imap", Side::kExternal).empty());
}

TEST_CASE("web settings: the policy of MTA-STS and its id", "[web-settings]") {
  const test::TempFolder folder;
  const auto writer = DirectoryWriter::open(folder / "directory");
  REQUIRE(writer);
  const auto ask = asking((*writer)->reader());
  CHECK(web_settings(ask) == WebSettings{});
  CHECK(web_policy_text(WebSettings{}, "mail.example.org").empty());
  CHECK(web_policy_id(WebSettings{}, "mail.example.org").empty());

  const WebSettings set{StsMode::kTesting, 86'400, {"mx.example.org", "*.example.net"}, "Böhm & Co"};
  REQUIRE(set_web_settings(**writer, set));
  CHECK(web_settings(ask) == set);
  CHECK(web_policy_text(set, "mail.example.org") ==
        "version: STSv1\r\nmode: testing\r\nmx: mx.example.org\r\nmx: *.example.net\r\n"
        "max_age: 86400\r\n");
  const std::string id = web_policy_id(set, "mail.example.org");
  CHECK(id.size() == 20);
  CHECK(id == web_policy_id(set, "other.example.org"));
  WebSettings changed = set;
  changed.sts_mode = StsMode::kEnforce;
  CHECK(web_policy_id(changed, "mail.example.org") != id);
  const WebSettings own{.sts_mode = StsMode::kEnforce};
  CHECK(web_policy_id(own, "a.example.org") != web_policy_id(own, "b.example.org"));

  for (const WebSettings& bad :
       {WebSettings{.sts_max_age_s = kStsMaxAgeLeast - 1},
        WebSettings{.sts_max_age_s = kStsMaxAgeMost + 1}, WebSettings{.sts_mx = {"*"}},
        WebSettings{.sts_mx = {"mx.*.example"}}, WebSettings{.sts_mx = {"a b.example"}},
        WebSettings{.title = "two\nlines"}, WebSettings{.title = std::string(101, 'x')}}) {
    CHECK_FALSE(check(bad));
    CHECK_FALSE(set_web_settings(**writer, bad));
  }
  CHECK(web_settings(ask) == set);
}
