#include <catch2/catch.hpp>

#include "base/text.h"
#include "protocols/sasl/exchange.h"

namespace hauspost::sasl {
namespace {

using Kind = Step::Kind;

std::string bytes(std::string_view text) {  // "|" stands for NUL
  std::string out(text);
  std::ranges::replace(out, '|', '\0');
  return out;
}

struct PlainCase {
  std::string message;
  std::string authorization;
  std::string name;
  std::string password;
};

}  // namespace

TEST_CASE("sasl plain: messages of RFC 4616") {
  const PlainCase cases[] = {
      {"|tim|tanstaaftanstaaf", "", "tim", "tanstaaftanstaaf"},
      {"Ursel|Kurt|xipj3plmq", "Ursel", "Kurt", "xipj3plmq"},
      {"|a@example.org|p w \"\\", "", "a@example.org", "p w \"\\"},
      {"|j\xc3\xbcrgen|gr\xc3\xbc\xc3\x9f", "", "j\xc3\xbcrgen", "gr\xc3\xbc\xc3\x9f"},
      {"|" + std::string(kNameMax, 'n') + "|" + std::string(kPasswordMax, 'p'), "",
       std::string(kNameMax, 'n'), std::string(kPasswordMax, 'p')},
  };
  for (const PlainCase& one : cases) {
    const auto parsed = parse_plain(bytes(one.message));
    INFO(one.message);
    REQUIRE(parsed);
    CHECK(parsed->authorization_id == one.authorization);
    CHECK(parsed->name == one.name);
    CHECK(parsed->password.reveal() == one.password);
  }
}

TEST_CASE("sasl plain: what is no PLAIN message is refused") {
  const std::string cases[] = {
      "",
      "tim",
      "|tim",
      "||",
      "|tim|",
      "||password",
      "tim|password",
      "|tim|pass|word",
      "|tim|password|",
      "|t\xff|password",
      "|tim|pass\xc3",
      "\xc0|tim|password",
      "|" + std::string(kNameMax + 1, 'n') + "|p",
      "|n|" + std::string(kPasswordMax + 1, 'p'),
      std::string(kNameMax + 1, 'z') + "|n|p",
  };
  for (const std::string& one : cases) {
    INFO(one.substr(0, 40));
    CHECK_FALSE(parse_plain(bytes(one)));
  }
}

TEST_CASE("sasl exchange: PLAIN with and without initial response") {
  const std::string message = base64_encode(bytes("|tim|secret"));
  auto direct = Exchange::create("plain");
  REQUIRE(direct);
  const Step done = direct->start(message);
  CHECK(done.kind == Kind::kDone);
  CHECK(done.credentials.name == "tim");

  auto asked = Exchange::create("PLAIN");
  const Step challenge = asked->start(std::nullopt);
  CHECK(challenge.kind == Kind::kChallenge);
  CHECK(challenge.challenge.empty());
  CHECK(asked->line(message).credentials.password.reveal() == "secret");
}

TEST_CASE("sasl exchange: LOGIN asks for name and password") {
  auto exchange = Exchange::create("LOGIN");
  REQUIRE(exchange);
  CHECK(exchange->start(std::nullopt).challenge == "VXNlcm5hbWU6");
  CHECK(exchange->line(base64_encode("tim")).challenge == "UGFzc3dvcmQ6");
  const Step done = exchange->line(base64_encode("secret"));
  CHECK(done.kind == Kind::kDone);
  CHECK(done.credentials.name == "tim");
  CHECK(done.credentials.password.reveal() == "secret");

  auto with_name = Exchange::create("login");
  CHECK(with_name->start(base64_encode("tim")).challenge == "UGFzc3dvcmQ6");
  CHECK(with_name->line("*").kind == Kind::kAborted);
}

TEST_CASE("sasl exchange: bad lines fail, a star cancels") {
  const std::string too_long((kLineMax / 4 + 1) * 4, 'A');
  for (const std::string_view line :
       {"", "=", "dGlt\x01", "dGlt=", "dG lt", "dGlt====", "%%%%", too_long.c_str()}) {
    auto exchange = Exchange::create("PLAIN");
    CHECK(exchange->start(std::nullopt).kind == Kind::kChallenge);
    INFO(line.substr(0, 20));
    CHECK(exchange->line(line).kind == Kind::kInvalid);
  }
  auto exchange = Exchange::create("PLAIN");
  CHECK(exchange->start(std::nullopt).kind == Kind::kChallenge);
  CHECK(exchange->line("*").kind == Kind::kAborted);
  CHECK(Exchange::create("PLAIN")->start("=").kind == Kind::kInvalid);  // an empty message
  CHECK(Exchange::create("PLAIN")->start("").kind == Kind::kInvalid);
  CHECK(Exchange::create("LOGIN")->start("=").kind == Kind::kInvalid);
}

TEST_CASE("sasl exchange: ANONYMOUS, CRAM-MD5 and other old ones do not exist") {
  for (const std::string_view name :
       {"ANONYMOUS", "CRAM-MD5", "NTLM", "", "PLAIN ", "XOAUTH", "EXTERNAL-2"}) {
    INFO(name);
    CHECK_FALSE(Exchange::create(name));
  }
}

}  // namespace hauspost::sasl
