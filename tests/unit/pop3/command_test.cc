#include "protocols/pop3/command.h"

#include <catch2/catch.hpp>

#include "protocols/pop3/capabilities.h"

namespace hauspost::pop3 {

TEST_CASE("pop3 command: what is understood") {
  struct Row {
    std::string_view line;
    CommandName name;
    std::optional<std::uint32_t> message;
    std::uint32_t lines = 0;
    std::string_view word;
    std::optional<std::string_view> secret;
  };
  const Row rows[] = {
      {"STAT", CommandName::kStat},
      {"stat", CommandName::kStat},
      {"StAt  ", CommandName::kStat},
      {"LIST", CommandName::kList},
      {"LIST 2", CommandName::kList, 2},
      {"LIST ", CommandName::kList},
      {"UIDL", CommandName::kUidl},
      {"UIDL 4294967295", CommandName::kUidl, 4294967295},
      {"RETR 1", CommandName::kRetr, 1},
      {"RETR 0", CommandName::kRetr, 0},
      {"RETR 0001 ", CommandName::kRetr, 1},
      {"RETR 99999999999999999999999", CommandName::kRetr, 4294967295},
      {"DELE 7", CommandName::kDele, 7},
      {"TOP 1 0", CommandName::kTop, 1, 0},
      {"TOP 3  40", CommandName::kTop, 3, 40},
      {"TOP 3 99999999999999999999999", CommandName::kTop, 3, 4294967295},
      {"NOOP", CommandName::kNoop},
      {"RSET", CommandName::kRset},
      {"QUIT", CommandName::kQuit},
      {"CAPA", CommandName::kCapa},
      {"STLS", CommandName::kStls},
      {"UTF8", CommandName::kUtf8},
      {"LANG", CommandName::kLang},
      {"LANG *", CommandName::kLang, {}, 0, "*"},
      {"LANG de-AT", CommandName::kLang, {}, 0, "de-AT"},
      {"USER a@example.org", CommandName::kUser, {}, 0, "a@example.org"},
      {"USER two words", CommandName::kUser, {}, 0, "two words"},
      {"USER m\xc3\xbcller", CommandName::kUser, {}, 0, "m\xc3\xbcller"},
      {"PASS secret", CommandName::kPass, {}, 0, "", "secret"},
      {"pass  two  words ", CommandName::kPass, {}, 0, "", " two  words "},
      {"PASS \xe9", CommandName::kPass, {}, 0, "", "\xe9"},
      {"AUTH", CommandName::kAuth},
      {"AUTH PLAIN", CommandName::kAuth, {}, 0, "PLAIN"},
      {"AUTH PLAIN AGEAYg==", CommandName::kAuth, {}, 0, "PLAIN", "AGEAYg=="},
      {"auth plain =", CommandName::kAuth, {}, 0, "plain", "="},
  };
  for (const Row& row : rows) {
    INFO(row.line);
    const auto command = parse_command(row.line);
    REQUIRE(command);
    CHECK(command->name == row.name);
    CHECK(command->message == row.message);
    CHECK(command->lines == row.lines);
    CHECK(command->word == row.word);
    REQUIRE(command->secret.has_value() == row.secret.has_value());
    if (row.secret) CHECK(command->secret->reveal() == *row.secret);
  }
}

TEST_CASE("pop3 command: what is not") {
  const std::string long_name(256, 'x');
  const std::string long_password(1025, 'x');
  const std::string lines[] = {
      "",
      " STAT",
      "STA",
      "STATS",
      "STAT 1",
      "STAT\t",
      "APOP mrose c4c9334bac560ecc979e58001b3e22fb",
      "XTND XMIT",
      "LIST 1 2",
      "LIST x",
      "LIST -1",
      "LIST 1x",
      "RETR",
      "RETR +1",
      "RETR 0x1",
      "DELE",
      "DELE 1 2",
      "TOP",
      "TOP 1",
      "TOP 1 -1",
      "TOP 1 2 3",
      "NOOP 1",
      "QUIT now",
      "LANG a b",
      "LANG " + std::string(65, 'x'),
      "USER",
      "USER ",
      "USER " + long_name,
      "USER \xff",
      std::string("USER a\0b", 8),
      "PASS",
      "PASS ",
      "PASS " + long_password,
      std::string("PASS a\0b", 8),
      "AUTH PLAIN a b",
  };
  for (const std::string& line : lines) {
    INFO(line);
    const auto command = parse_command(line);
    REQUIRE_FALSE(command);
    CHECK_FALSE(command.error().text.empty());
  }
}

TEST_CASE("pop3 capabilities: a login is offered under TLS only") {
  const std::string clear = capability_reply({.offers_tls = true});
  CHECK(clear.contains("\r\nSTLS\r\n"));
  CHECK_FALSE(clear.contains("USER"));
  CHECK_FALSE(clear.contains("SASL"));
  CHECK_FALSE(clear.contains("IMPLEMENTATION"));
  const std::string encrypted = capability_reply({.may_log_in = true});
  CHECK(encrypted.contains("\r\nUSER\r\n"));
  CHECK(encrypted.contains("\r\nSASL PLAIN LOGIN\r\n"));
  CHECK_FALSE(encrypted.contains("STLS"));
  const std::string inside = capability_reply({.may_log_in = true, .logged_in = true});
  CHECK(inside.contains("\r\nIMPLEMENTATION Hauspost\r\n"));
  for (const std::string& reply : {clear, encrypted, inside}) {
    CHECK(reply.starts_with("+OK "));
    CHECK(reply.ends_with("\r\n.\r\n"));
    for (const char* word : {"TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING",
                             "EXPIRE NEVER", "UTF8", "LANG"})
      CHECK(reply.contains("\r\n" + std::string(word) + "\r\n"));
    CHECK_FALSE(reply.contains("LOGIN-DELAY"));
    CHECK_FALSE(reply.contains("APOP"));
  }
}

TEST_CASE("pop3 LANG: the list, the default, English and nothing else") {
  CHECK(language_reply("") ==
        "+OK Language listing follows\r\nen English\r\ni-default Default language\r\n.\r\n");
  CHECK(language_reply("*").starts_with("+OK i-default "));
  CHECK(language_reply("EN").starts_with("+OK en "));
  CHECK(language_reply("en-GB").starts_with("+OK en "));
  CHECK(language_reply("enx").starts_with("-ERR "));
  CHECK(language_reply("fr").starts_with("-ERR "));
}

}  // namespace hauspost::pop3
