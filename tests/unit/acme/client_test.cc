#include "server/acme/client.h"

#include <catch2/catch.hpp>

#include "tests/unit/acme/fake_ca.h"
#include "tests/unit/base/run.h"

namespace hauspost::acme {
namespace {

constexpr Pace kQuick{.poll_least = std::chrono::milliseconds(1),
                      .poll_most = std::chrono::milliseconds(2),
                      .validation_time = std::chrono::seconds(2),
                      .issue_time = std::chrono::seconds(2)};

struct Try {
  asio::io_context io{1};
  test::FakeCa ca;
  crypto::P256Key key = crypto::P256Key::make().value();
  AccountWishes wishes{.directory = test::FakeCa::kDirectory, .contacts = {"mailto:a@example.org"}};

  // The failure of the order, or what was to be placed, as text.
  std::string begin(std::vector<std::string> names, std::string kind = "http-01") {
    client =
        std::make_unique<AcmeClient>(ca.asker(), system_clock(), key, std::move(wishes), kQuick);
    std::string out;
    hauspost::test::run(
        io,
        [](AcmeClient& with, std::vector<std::string> all, std::string challenge,
           std::string& told) -> Task<void> {
          const auto placed = co_await with.begin(std::move(all), std::move(challenge));
          if (!placed) {
            told = "failed: " + placed.error().text + (placed.error().final ? " (final)" : "");
            co_return;
          }
          for (const ToPlace& one : *placed) told += one.name + "=" + one.key_authorization + " ";
        }(*client, std::move(names), std::move(kind), out));
    return out;
  }
  Outcome<Issued> finish() {
    std::optional<Outcome<Issued>> out;
    hauspost::test::run(io,
                        [](AcmeClient& with, std::optional<Outcome<Issued>>& told) -> Task<void> {
                          told.emplace(co_await with.finish(false));
                        }(*client, out));
    return std::move(*out);
  }
  std::unique_ptr<AcmeClient> client;
};

std::string self_signed(const std::string& name) {
  tls::SelfSignedRequest request;
  request.host_name = name;
  return tls::make_self_signed(request)->certificate_pem;
}

}  // namespace

TEST_CASE("acme client: an order asks for proofs of each name, of the kind that is wanted") {
  Try order;
  const std::string thumb = thumbprint(jwk(order.key));
  CHECK(order.begin({"a.example", "b.example"}, "tls-alpn-01") ==
        "a.example=token-of-tls-alpn-01." + thumb + " b.example=token-of-tls-alpn-01." + thumb +
            " ");
  CHECK(order.ca.account["contact"] == nlohmann::json::array({"mailto:a@example.org"}));
}

TEST_CASE("acme client: another nonce is fetched as often as the server wants") {
  Try order;
  order.ca.bad_nonces = AcmeClient::kNonceTries - 1;
  CHECK(order.begin({"a.example"}).starts_with("a.example="));
  Try endless;
  endless.ca.bad_nonces = 1000;
  CHECK(endless.begin({"a.example"}) == "failed: https://ca.test/account: badNonce: try again");
  CHECK(endless.ca.requests.size() < 2 * AcmeClient::kNonceTries + 5);
}

TEST_CASE("acme client: a nonce that is none is not signed") {
  for (const char* const wrong : {"", "\xff\xfe", "a b"}) {
    Try order;
    order.ca.forced["/nonce"] = HttpAnswer{200, "", wrong, ""};
    CHECK(order.begin({"a.example"}) == "failed: https://ca.test/nonce: the server gave no nonce");
  }
}

TEST_CASE("acme client: terms are agreed to by the administrator alone") {
  Try order;
  order.ca.terms = "https://ca.test/terms";
  CHECK(order.begin({"a.example"}) ==
        "failed: the server's terms of service are not agreed to; read them at "
        "https://ca.test/terms (final)");
  CHECK(order.ca.account.is_null());  // nobody asked for one
  Try agreed;
  agreed.ca.terms = "https://ca.test/terms";
  agreed.wishes.terms_agreed = true;
  CHECK(agreed.begin({"a.example"}).starts_with("a.example="));
  CHECK(agreed.ca.account["termsOfServiceAgreed"] == true);
}

TEST_CASE("acme client: an external account is bound where the server wants one") {
  Try order;
  order.ca.needs_binding = true;
  CHECK(order.begin({"a.example"}).find("--eab-kid") != std::string::npos);
  Try bound;
  bound.ca.needs_binding = true;
  bound.wishes.eab_kid = "kid-7";
  bound.wishes.eab_key = Secret("secret");
  CHECK(bound.begin({"a.example"}).starts_with("a.example="));
  const auto& binding = bound.ca.account["externalAccountBinding"];
  CHECK(test::decoded(binding["protected"]).find("kid-7") != std::string::npos);
}

TEST_CASE("acme client: a proof that the server does not offer is said so") {
  Try order;
  order.ca.kinds = {"dns-01"};
  CHECK(order.begin({"a.example"}) ==
        "failed: a.example: the server does not offer http-01, but: dns-01 (final)");
}

TEST_CASE("acme client: each name that does not verify is named with the server's reason") {
  Try order;
  order.ca.refused = {"b.example", "c.example"};
  REQUIRE(order.begin({"a.example", "b.example", "c.example"}).starts_with("a.example="));
  const auto issued = order.finish();
  REQUIRE_FALSE(issued);
  CHECK(issued.error().text ==
        "b.example: connection: nobody at b.example; c.example: connection: nobody at c.example");
}

TEST_CASE("acme client: what is issued for another key or another name is not taken") {
  Try order;
  order.ca.certificate = self_signed("a.example");  // of its own key, not of the request's
  REQUIRE(order.begin({"a.example"}).starts_with("a.example="));
  const auto issued = order.finish();
  REQUIRE_FALSE(issued);
  CHECK(issued.error().text.starts_with("a.example: the certificate is not of the key"));
  CHECK_FALSE(order.ca.csr.empty());
  CHECK(order.ca.csr.find("a.example") != std::string::npos);
}

TEST_CASE("acme client: a limit of the server's is told with its time") {
  Try order;
  order.ca.forced["/order"] =
      HttpAnswer{429, R"({"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many"})",
                 "", "", 3600};
  order.client = nullptr;
  CHECK(order.begin({"a.example"}) == "failed: https://ca.test/order: rateLimited: too many");
  Try again;
  again.ca.forced["/order"] = HttpAnswer{429, "busy", "", "", 60};
  CHECK(again.begin({"a.example"}) ==
        "failed: https://ca.test/order: HTTP status 429 without a reason");
}

TEST_CASE("acme client: a server that never decides is not waited for without end") {
  Try order;
  order.ca.looks_until_valid = 1'000'000;
  REQUIRE(order.begin({"a.example"}).starts_with("a.example="));
  const auto begun = std::chrono::steady_clock::now();
  const auto issued = order.finish();
  REQUIRE_FALSE(issued);
  CHECK(issued.error().text == "a.example: the server did not decide in time");
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(15));
}

TEST_CASE("acme client: answers that are none end the order with the reason") {
  for (const char* path : {"/dir", "/account", "/order", "/authz/a.example"}) {
    Try order;
    order.ca.forced[path] = HttpAnswer{200, "<html>", "nonce", ""};
    const std::string told = order.begin({"a.example"});
    CHECK(told.starts_with("failed: "));
  }
}

TEST_CASE("acme client: a certificate is revoked with the reason") {
  Try order;
  order.client = std::make_unique<AcmeClient>(order.ca.asker(), system_clock(), order.key,
                                              order.wishes, kQuick);
  bool done = false;
  hauspost::test::run(order.io, [](AcmeClient& with, bool& told) -> Task<void> {
    told = (co_await with.revoke("der", 4)).has_value();
  }(*order.client, done));
  CHECK(done);
  CHECK(order.ca.revoked["reason"] == 4);
  CHECK(test::decoded(order.ca.revoked["certificate"]) == "der");
}

}  // namespace hauspost::acme
