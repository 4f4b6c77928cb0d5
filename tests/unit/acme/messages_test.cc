#include "server/acme/messages.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace hauspost::acme {

using Json = nlohmann::json;

TEST_CASE("acme messages: a directory") {
  const Json whole{
      {"newNonce", "https://ca.example/nonce"},
      {"newAccount", "https://ca.example/account"},
      {"newOrder", "https://ca.example/order"},
      {"revokeCert", "https://ca.example/revoke"},
      {"meta",
       {{"termsOfService", "https://ca.example/terms"}, {"externalAccountRequired", true}}}};
  const auto directory = parse_directory(whole.dump());
  REQUIRE(directory);
  CHECK(directory->new_order == "https://ca.example/order");
  CHECK(directory->revoke_cert == "https://ca.example/revoke");
  CHECK(directory->terms == "https://ca.example/terms");
  CHECK(directory->needs_binding);
  for (const char* name : {"newNonce", "newAccount", "newOrder"}) {
    Json less = whole;
    less.erase(name);
    CHECK_FALSE(parse_directory(less.dump()));
    for (const Json& other :
         {Json("http://ca.example/x"), Json("https:///x"), Json(5), Json(nullptr),
          Json("https://ca.example/a b"), Json("https://" + std::string(kUrlMax, 'a'))}) {
      less[name] = other;
      CHECK_FALSE(parse_directory(less.dump()));
    }
  }
  Json bare = whole;
  bare.erase("meta");
  bare.erase("revokeCert");
  REQUIRE(parse_directory(bare.dump()));
  CHECK_FALSE(parse_directory(bare.dump())->needs_binding);
}

TEST_CASE("acme messages: what is no object, or too much of one, is refused") {
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("null"), std::string("{"),
        std::string(kAnswerBytesMax + 1, ' '), std::string(100'000, '['),
        "{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}"}) {
    CHECK_FALSE(parse_directory(text));
    CHECK_FALSE(parse_account(text));
    CHECK_FALSE(parse_order(text));
    CHECK_FALSE(parse_authorization(text));
    CHECK(parse_problem(text, 503).text() == "HTTP status 503 without a reason");
  }
}

TEST_CASE("acme messages: an order, and its states") {
  Json order{{"status", "pending"},
             {"finalize", "https://ca.example/f"},
             {"authorizations", {"https://ca.example/a1", "https://ca.example/a2"}}};
  const auto pending = parse_order(order.dump());
  REQUIRE(pending);
  CHECK(pending->status == Status::kPending);
  CHECK(pending->authorizations.size() == 2);
  CHECK(pending->certificate.empty());
  order["status"] = "valid";
  order["certificate"] = "https://ca.example/c";
  CHECK(parse_order(order.dump())->certificate == "https://ca.example/c");
  order["status"] = "invalid";
  order["error"] = {{"type", "urn:ietf:params:acme:error:caa"}, {"detail", "forbidden"}};
  CHECK(parse_order(order.dump())->error->text() == "caa: forbidden");
  order["status"] = "who knows";
  CHECK_FALSE(parse_order(order.dump()));
  order["status"] = "valid";
  order["authorizations"] = Json::array({"ftp://x"});
  CHECK_FALSE(parse_order(order.dump()));
  order["authorizations"] = Json::array();
  for (std::size_t i = 0; i <= kNamesMax; ++i) order["authorizations"].push_back("https://a.b/c");
  CHECK_FALSE(parse_order(order.dump()));
}

TEST_CASE("acme messages: an authorization takes no token that could be anything but one") {
  const auto with_token = [](const Json& token) {
    return parse_authorization(Json{
        {"status", "pending"},
        {"identifier", {{"type", "dns"}, {"value", "a.example"}}},
        {"challenges",
         {{{"type", "http-01"},
           {"url", "https://ca.example/ch"},
           {"status", "pending"},
           {"token", token}}}}}.dump());
  };
  CHECK(with_token("abc_DEF-123")->challenges.front().token == "abc_DEF-123");
  CHECK(with_token("abc_DEF-123")->name == "a.example");
  for (const Json& bad : {Json("../../etc/passwd"), Json("a/b"), Json(""), Json("a\r\nb"), Json(7),
                          Json(std::string(kTokenMax + 1, 'a'))}) {
    const auto parsed = with_token(bad);
    REQUIRE(parsed);
    CHECK(parsed->challenges.front().token.empty());
  }
}

TEST_CASE("acme messages: a problem names what was refused, each name for itself") {
  const Json problem{{"type", "urn:ietf:params:acme:error:malformed"},
                     {"detail", "some of the identifiers"},
                     {"subproblems",
                      {{{"type", "urn:ietf:params:acme:error:rejectedIdentifier"},
                        {"detail", "not by us"},
                        {"identifier", {{"type", "dns"}, {"value", "b.example"}}}}}}};
  CHECK(parse_problem(problem.dump(), 403).text() ==
        "malformed: some of the identifiers; b.example: rejectedIdentifier: not by us");
  const Json controls{{"type", "about:blank"}, {"detail", "\x1b[31mred\r\n"}};
  CHECK(parse_problem(controls.dump(), 500).text() == "about:blank: \\x1b[31mred\\x0d\\x0a");
  const Json quoted{{"type", "x"}, {"detail", "could not resolve \"a.example\""}};
  CHECK(parse_problem(quoted.dump(), 400).text() == "x: could not resolve 'a.example'");
  const Json endless{{"type", "x"}, {"detail", std::string(50'000, 'a')}};
  CHECK(parse_problem(endless.dump(), 500).text().size() < 600);
}

}  // namespace hauspost::acme
