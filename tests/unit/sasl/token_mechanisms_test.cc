#include "protocols/sasl/token_mechanisms.h"

#include <catch2/catch.hpp>

#include "base/text.h"
#include "protocols/sasl/exchange.h"

namespace hauspost::sasl {
namespace {

// "^" stands for the separator of the grammar.
std::string message(std::string_view text) {
  std::string out(text);
  std::ranges::replace(out, '^', '\x01');
  return out;
}

}  // namespace

TEST_CASE("oauthbearer: names and token come out as RFC 7628 section 3.1 writes them") {
  const auto full = parse_oauthbearer(message(
      "n,a=user@example.com,^host=server.example.com^port=143^auth=Bearer vF9dft4q.mTc~_^^"));
  REQUIRE(full);
  CHECK(full->name == "user@example.com");
  CHECK(full->password.reveal() == "vF9dft4q.mTc~_");
  CHECK(full->proof == Proof::kBearer);
  CHECK(full->authorization_id.empty());

  const auto nameless = parse_oauthbearer(message("y,,^auth=bearer  abc==^^"));
  REQUIRE(nameless);
  CHECK(nameless->name.empty());
  CHECK(nameless->password.reveal() == "abc==");

  const auto escaped = parse_oauthbearer(message("n,a=a=2Cb=3Dc,^auth=Bearer t^^"));
  REQUIRE(escaped);
  CHECK(escaped->name == "a,b=c");
}

TEST_CASE("oauthbearer: what the grammar does not allow is refused") {
  const std::string long_token(kTokenMax + 1, 'x');
  for (const std::string& text : {
           std::string(),
           std::string("n"),
           std::string("n,"),
           std::string("n,,"),
           std::string("n,,^"),
           std::string("n,,^^"),
           std::string("n,,^auth=Bearer t^"),  // the last separator is missing
           std::string("n,,^auth=Bearer t"),
           std::string("n,,auth=Bearer t^^"),
           std::string("n,,^auth=Bearer ^^"),  // no token
           std::string("n,,^auth=Basic dDp0^^"),
           std::string("n,,^auth=Bearer t t^^"),
           std::string("n,,^auth=Bearer t\r\n^^"),
           std::string("n,,^auth=Bearer t^auth=Bearer u^^"),
           std::string("n,,^=x^auth=Bearer t^^"),
           std::string("n,,^host^auth=Bearer t^^"),
           std::string("n,,^auth=Bearer t^^more"),
           std::string("p=tls-exporter,,^auth=Bearer t^^"),  // the mechanism has no binding
           std::string("n,user,^auth=Bearer t^^"),
           std::string("n,a=,^auth=Bearer t^^"),
           std::string("n,a=x=2X,^auth=Bearer t^^"),
           std::string("n,a=\xff,^auth=Bearer t^^"),
           "n,a=" + std::string(kNameMax + 1, 'u') + ",^auth=Bearer t^^",
           "n,,^auth=Bearer " + long_token + "^^",
       }) {
    INFO(escape_for_log(text));
    CHECK_FALSE(parse_oauthbearer(message(text)));
  }
}

TEST_CASE("xoauth2: user and token") {
  const auto good = parse_xoauth2(message("user=someuser@example.com^auth=Bearer ya29.vF9dft4^^"));
  REQUIRE(good);
  CHECK(good->name == "someuser@example.com");
  CHECK(good->password.reveal() == "ya29.vF9dft4");
  CHECK(good->proof == Proof::kBearer);
  for (const char* text :
       {"", "user=a^^", "auth=Bearer t^^", "user=a^auth=Bearer t^", "user=a^auth=Basic t^^",
        "n,,^auth=Bearer t^^", "user=a^user=b^auth=Bearer t^^"}) {
    INFO(text);
    CHECK_FALSE(parse_xoauth2(message(text)));
  }
}

TEST_CASE("external: a name, or none") {
  const auto none = parse_external("");
  REQUIRE(none);
  CHECK(none->name.empty());
  CHECK(none->proof == Proof::kCertificate);
  CHECK(parse_external("a@example.org")->name == "a@example.org");
  CHECK_FALSE(parse_external(std::string_view("a\0b", 3)));
  CHECK_FALSE(parse_external("\xff"));
  CHECK_FALSE(parse_external(std::string(kNameMax + 1, 'a')));
}

TEST_CASE("token mechanisms: with and without an initial response, over an exchange's base64") {
  const std::string sent = base64_encode(message("n,,^auth=Bearer t^^"));
  auto at_once = Exchange::create("oauthbearer");
  REQUIRE(at_once);
  CHECK(at_once->start(sent).kind == Step::Kind::kDone);
  auto asked = Exchange::create("OAUTHBEARER");
  const Step empty = asked->start(std::nullopt);
  REQUIRE(empty.kind == Step::Kind::kChallenge);
  CHECK(empty.challenge.empty());
  CHECK(asked->line(sent).credentials.password.reveal() == "t");
  CHECK(Exchange::create("XOAUTH2")->start(sent).kind == Step::Kind::kInvalid);

  // RFC 4959: "=" is an empty response, which for EXTERNAL means "whom the certificate names".
  const Step external = Exchange::create("EXTERNAL")->start("=");
  REQUIRE(external.kind == Step::Kind::kDone);
  CHECK(external.credentials.name.empty());
}

}  // namespace hauspost::sasl
