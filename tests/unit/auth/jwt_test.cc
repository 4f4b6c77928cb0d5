#include "server/auth/jwt.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "base/text.h"
#include "server/auth/bearer.h"
#include "tests/unit/auth/token_maker.h"

namespace hauspost::auth {
namespace {

using test::TokenMaker;

constexpr WallTime kNow{std::chrono::seconds(1'700'000'000)};

BearerSettings settings() {
  BearerSettings out;
  out.issuer = "https://login.example.org";
  out.audiences = {"hauspost", "imap"};
  return out;
}

std::string claims(std::string_view more = {}) {
  return fmt::format(R"({{"iss":"https://login.example.org","aud":"hauspost","exp":1700000100,)"
                     R"("email":"a@example.org"{}}})",
                     more);
}

BearerVerdict check(const TokenMaker& maker, std::string_view body,
                    const BearerSettings& with = settings()) {
  const auto keys = KeySet::parse(maker.key_set());
  REQUIRE(keys);
  return check_bearer(with, *keys, maker.token(body), kNow);
}

void check_refused(const BearerVerdict& verdict, std::string_view reason) {
  CHECK(verdict.name.empty());
  CHECK(verdict.reason == reason);
}

}  // namespace

TEST_CASE("signatures: the examples of RFC 7515 and RFC 8037 verify, and nothing near them does") {
  struct Example {
    std::string_view key;
    std::string_view message;
    std::string_view signature;
  };
  // RFC 7515 appendices A.2 and A.3, RFC 8037 appendix A.4.
  constexpr std::string_view kClaims =
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
      "fQ";
  const Example examples[] = {
      {R"({"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmf)"
       R"(HQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGz)"
       R"(jb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlx)"
       R"(vb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4F)"
       R"(RWyuXpoQ"})",
       "eyJhbGciOiJSUzI1NiJ9",
       "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
       "O8W2Fp5"
       "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
       "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb"
       "1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
       "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO"
       "YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
      {R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
       R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})",
       "eyJhbGciOiJFUzI1NiJ9",
       "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
      {R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
       "eyJhbGciOiJFZERTQSJ9",
       "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
  };
  for (const Example& example : examples) {
    INFO(example.message);
    const auto set = KeySet::parse(fmt::format(R"({{"keys":[{}]}})", example.key));
    REQUIRE(set);
    Jwt token;
    const bool edwards = example.message == "eyJhbGciOiJFZERTQSJ9";
    token.algorithm = edwards                                     ? "EdDSA"
                      : example.message == "eyJhbGciOiJSUzI1NiJ9" ? "RS256"
                                                                  : "ES256";
    const auto candidates = set->candidates(token);
    REQUIRE(candidates.size() == 1);
    const crypto::PublicKey& key = candidates.front()->key;
    std::string signed_part = std::string(example.message) + ".";
    signed_part += edwards ? "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc" : kClaims;
    std::string signature = base64url_decode(example.signature).value();
    CHECK(key.verifies(signed_part, signature));
    CHECK_FALSE(key.verifies(signed_part + "x", signature));
    CHECK_FALSE(key.verifies(signed_part, signature.substr(1)));
    CHECK_FALSE(key.verifies(signed_part, ""));
    signature.back() = static_cast<char>(signature.back() ^ 1);
    CHECK_FALSE(key.verifies(signed_part, signature));
  }
}

TEST_CASE("keys: weak, malformed and foreign ones are passed over") {
  const std::string good = TokenMaker("k1").key();
  const auto size_with = [&](std::string_view other) -> std::size_t {
    const auto set = KeySet::parse(fmt::format(R"({{"keys":[{},{}]}})", good, other));
    return set ? set->size() : 0;
  };
  CHECK(size_with(TokenMaker("k2").key()) == 2);
  for (
      const char* other : {
          "1",
          "{}",
          R"({"kty":"oct","k":"c2VjcmV0"})",
          R"({"kty":"RSA","n":"AQAB","e":"AQAB"})",
          R"({"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"})",
          R"({"kty":"EC","crv":"P-521","x":"AAAA","y":"AAAA"})",
          R"({"kty":"OKP","crv":"Ed25519","x":"AAAA"})",
          R"({"kty":"OKP","crv":"Ed25519","use":"enc","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
          R"({"kty":"OKP","crv":"Ed25519","alg":"RS256","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
      }) {
    INFO(other);
    CHECK(size_with(other) == 1);
  }
  for (const char* text : {"", "[]", "{}", R"({"keys":1})", R"({"keys":[]})", "{\"keys\":[1]"})
    CHECK_FALSE(KeySet::parse(text));
}

TEST_CASE("bearer: a good token names somebody") {
  const TokenMaker maker("k1");
  CHECK(check(maker, claims()).name == "a@example.org");
  CHECK(check(maker, claims(R"(,"email_verified":true)")).name == "a@example.org");
  CHECK(check(maker, R"({"iss":"https://login.example.org","aud":["x","imap"],"exp":1700000100.5,)"
                     R"("email":"a@example.org"})")
            .name == "a@example.org");
  BearerSettings other = settings();
  other.claim = "preferred_username";
  other.scope = "mail";
  CHECK(check(maker, claims(R"(,"preferred_username":"b","scope":"openid mail")"), other).name ==
        "b");
  CHECK(check(maker, claims(R"(,"preferred_username":"b","scp":["mail"])"), other).name == "b");
}

TEST_CASE("bearer: each thing that is wrong with a token has its reason") {
  const TokenMaker maker("k1");
  const auto body = [](std::string_view issuer, std::string_view audience, std::string_view rest) {
    return fmt::format(R"({{"iss":"{}","aud":"{}","email":"a@example.org"{}}})", issuer, audience,
                       rest);
  };
  constexpr std::string_view kIssuer = "https://login.example.org";
  check_refused(check(maker, body("https://evil.example", "hauspost", R"(,"exp":1700000100)")),
                "wrong_issuer");
  check_refused(check(maker, body(kIssuer, "other", R"(,"exp":1700000100)")), "wrong_audience");
  check_refused(check(maker, body(kIssuer, "hauspost", "")), "no_expiry");
  check_refused(check(maker, body(kIssuer, "hauspost", R"(,"exp":1699999940)")), "expired");
  CHECK(check(maker, body(kIssuer, "hauspost", R"(,"exp":1699999941)")).reason.empty());  // leeway
  check_refused(check(maker, claims(R"(,"nbf":1700000061)")), "not_yet_valid");
  CHECK(check(maker, claims(R"(,"nbf":1700000060)")).reason.empty());
  check_refused(check(maker, claims(R"(,"iat":1700000061)")), "issued_in_future");
  check_refused(check(maker, claims(R"(,"email_verified":false)")), "unverified_email");
  BearerSettings scoped = settings();
  scoped.scope = "mail";
  check_refused(check(maker, claims(), scoped), "insufficient_scope");
  check_refused(check(maker, claims(R"(,"scope":"mailbox xmail")"), scoped), "insufficient_scope");
  scoped = settings();
  scoped.claim = "upn";
  check_refused(check(maker, claims(), scoped), "no_name");
  check_refused(check(maker, claims(R"(,"email":7)")), "token: email is not a string");
}

TEST_CASE("bearer: only a key of the issuer's, with the algorithm that is the key's own") {
  const TokenMaker ours("k1");
  const TokenMaker theirs("k1");
  const TokenMaker unknown("k2");
  const auto keys = KeySet::parse(ours.key_set()).value();
  check_refused(check_bearer(settings(), keys, theirs.token(claims()), kNow), "wrong_signature");
  const auto miss = check_bearer(settings(), keys, unknown.token(claims()), kNow);
  check_refused(miss, "unknown_key");
  CHECK(miss.unknown_key);
  // "none", and a public key taken for a secret one, are what broken verifiers fall for.
  for (const char* header : {R"({"alg":"none","kid":"k1"})", R"({"alg":"HS256","kid":"k1"})",
                             R"({"alg":"ES256","kid":"k1"})", R"({"kid":"k1"})"}) {
    INFO(header);
    check_refused(check_bearer(settings(), keys, ours.token(claims(), header), kNow),
                  "unknown_key");
  }
  CHECK(check_bearer(settings(), keys, ours.token(claims(), R"({"alg":"EdDSA"})"), kNow).name ==
        "a@example.org");
  check_refused(check_bearer(settings(), keys,
                             ours.token(claims(), R"({"alg":"EdDSA","crit":["x"],"x":1})"), kNow),
                "token: it asks for an extension (crit)");
}

TEST_CASE("jwt: every cut and every changed octet of a token is refused") {
  const TokenMaker maker("k1");
  const auto keys = KeySet::parse(maker.key_set()).value();
  const std::string token = maker.token(claims());
  REQUIRE(check_bearer(settings(), keys, token, kNow).reason.empty());
  for (std::size_t i = 0; i < token.size(); ++i) {
    CHECK_FALSE(check_bearer(settings(), keys, token.substr(0, i), kNow).reason.empty());
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    CHECK_FALSE(check_bearer(settings(), keys, changed, kNow).reason.empty());
  }
  CHECK_FALSE(parse_jwt(std::string(kTokenMax + 1, 'a'), "email"));
  const auto base64url = [](std::string_view text) { return test::base64url(text); };
  for (const char* body :
       {"1", "[]", "null", "{", R"({"iss":1})", R"({"aud":{}})", R"({"aud":[1]})", R"({"exp":"1"})",
        R"({"exp":-1})", R"({"exp":1e300})"}) {
    INFO(body);
    CHECK_FALSE(
        parse_jwt(base64url(R"({"alg":"EdDSA"})") + "." + base64url(body) + ".AAAA", "email"));
  }
}

TEST_CASE("bearer: the error that RFC 7628 asks for is one line of JSON") {
  BearerSettings with = settings();
  CHECK(bearer_error_json(with) == R"({"status":"invalid_token"})");
  with.scope = "mail";
  with.openid_configuration = "https://login.example.org/.well-known/openid-configuration";
  CHECK(bearer_error_json(with) ==
        R"({"openid-configuration":"https://login.example.org/.well-known/openid-configuration",)"
        R"("scope":"mail","status":"invalid_token"})");
}

}  // namespace hauspost::auth
