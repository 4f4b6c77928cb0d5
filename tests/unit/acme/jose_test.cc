#include "server/acme/jose.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/crypto/mac.h"
#include "base/crypto/public_key.h"
#include "base/text.h"

namespace hauspost::acme {
namespace {

std::string decoded(std::string text) {
  for (char& c : text) {
    if (c == '-') c = '+';
    if (c == '_') c = '/';
  }
  while (text.size() % 4 != 0) text += '=';
  return base64_decode(text).value();
}

// RFC 7515 appendix A.3.1.
crypto::P256Key key_of_rfc7515() {
  return crypto::P256Key::from_number(decoded("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"))
      .value();
}

}  // namespace

TEST_CASE("jose: base64url has no padding and its own two letters") {
  CHECK(base64url("").empty());
  CHECK(base64url(std::string("\xff\xef\xfe", 3)) == "_-_-");
  CHECK(base64url("a") == "YQ");
  // RFC 7515 appendix C.
  CHECK(base64url("\x03\xec\xff\xe0\xc1") == "A-z_4ME");
}

TEST_CASE("jose: a thumbprint is that of RFC 7638 section 3.1, and of RFC 9449 for P-256") {
  CHECK(
      thumbprint(
          R"({"e":"AQAB","kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbb)"
          R"(fAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBX)"
          R"(Arwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qM)"
          R"(QvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIq)"
          R"(bw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"})") ==
      "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
  CHECK(thumbprint(R"({"crv":"P-256","kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",)"
                   R"("y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"})") ==
        "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

TEST_CASE("jose: a key of RFC 7515 has the coordinates that stand there") {
  CHECK(jwk(key_of_rfc7515()) ==
        R"({"crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
        R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})");
}

TEST_CASE("jose: a request is signed over header and payload, and says which key") {
  const crypto::P256Key key = key_of_rfc7515();
  const auto check = [&](const Signing& signing, std::string_view payload) {
    const auto json = nlohmann::json::parse(signed_request(key, signing, payload));
    REQUIRE(json.size() == 3);
    const std::string header = json["protected"];
    const std::string body = json["payload"];
    CHECK(decoded(body) == payload);
    const auto from = crypto::PublicKey::p256(key.x(), key.y()).value();
    const std::string signature = decoded(json["signature"]);
    CHECK(from.verifies(header + "." + body, signature));
    CHECK_FALSE(from.verifies(header + "." + body + "x", signature));
    return nlohmann::json::parse(decoded(header));
  };
  const auto by_account =
      check({"https://ca.example/order", "n-1", "https://ca.example/account/1"}, R"({"a":1})");
  CHECK(by_account["alg"] == "ES256");
  CHECK(by_account["url"] == "https://ca.example/order");
  CHECK(by_account["nonce"] == "n-1");
  CHECK(by_account["kid"] == "https://ca.example/account/1");
  CHECK_FALSE(by_account.contains("jwk"));  // RFC 8555 section 6.2: one of the two
  const auto by_key = check({"https://ca.example/account", "n-2", ""}, "");
  CHECK_FALSE(by_key.contains("kid"));
  CHECK(by_key["jwk"]["crv"] == "P-256");
  CHECK(by_key["jwk"].size() == 4);
}

TEST_CASE("jose: an external account is bound by an HMAC over our key") {
  const crypto::P256Key key = key_of_rfc7515();
  const auto json =
      nlohmann::json::parse(external_binding(key, "kid-1", "secret", "https://ca.example/account"));
  const std::string header = json["protected"];
  const std::string payload = json["payload"];
  CHECK(decoded(payload) == jwk(key));
  const auto fields = nlohmann::json::parse(decoded(header));
  CHECK(fields ==
        nlohmann::json{{"alg", "HS256"}, {"kid", "kid-1"}, {"url", "https://ca.example/account"}});
  CHECK(decoded(json["signature"]) ==
        crypto::hmac(crypto::Digest::kSha256, "secret", header + "." + payload));
}

TEST_CASE("jose: a key authorization is the token and the key's thumbprint") {
  const crypto::P256Key key = key_of_rfc7515();
  CHECK(key_authorization("abc", key) == "abc." + thumbprint(jwk(key)));
}

TEST_CASE("p256 key: PEM brings it back, and what is no such key is refused") {
  const auto key = crypto::P256Key::make().value();
  const auto again = crypto::P256Key::from_pem(key.to_pem().reveal());
  REQUIRE(again);
  CHECK(again->x() == key.x());
  CHECK(again->y() == key.y());
  CHECK(key.sign("a") != key.sign("a"));
  CHECK_FALSE(crypto::P256Key::from_pem(""));
  CHECK_FALSE(
      crypto::P256Key::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"));
  CHECK_FALSE(crypto::P256Key::from_number("short"));
  CHECK_FALSE(crypto::P256Key::from_number(std::string(32, '\xff')));
}

}  // namespace hauspost::acme
