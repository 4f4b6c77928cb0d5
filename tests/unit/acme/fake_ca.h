// FakeCa: an ACME server in memory. It checks nonces and signatures as a real one does, and decides
// as a test wants.
#pragma once

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <deque>
#include <map>
#include <set>

#include "base/crypto/public_key.h"
#include "base/text.h"
#include "base/tls/certificate.h"
#include "server/acme/client.h"

namespace hauspost::acme::test {

using Json = nlohmann::json;

inline std::string decoded(std::string text) {
  for (char& c : text) {
    if (c == '-') c = '+';
    if (c == '_') c = '/';
  }
  while (text.size() % 4 != 0) text += '=';
  return base64_decode(text).value_or("");
}

class FakeCa {
 public:
  // What a test decides.
  unsigned bad_nonces = 0;  // so many requests are refused with badNonce
  bool needs_binding = false;
  std::string terms;
  std::set<std::string> refused;  // names that do not verify
  std::vector<std::string> kinds{"http-01", "tls-alpn-01"};
  std::string certificate;                   // what is issued, whatever the CSR says
  std::map<std::string, HttpAnswer> forced;  // by URL: this, once
  unsigned looks_until_valid = 2;            // at an authorization

  // What a test looks at.
  Json account = nullptr;
  Json revoked = nullptr;
  std::vector<std::string> requests;  // "POST /order"
  std::string csr;

  AskHttp asker() {
    return [this](HttpQuestion question) { return answer(std::move(question)); };
  }

  static constexpr char kDirectory[] = "https://ca.test/dir";

 private:
  static std::string url(const std::string& path) { return "https://ca.test" + path; }

  HttpAnswer reply(int status, const Json& body, std::string location = {}) {
    HttpAnswer out{status, body.is_null() ? "" : body.dump(), "nonce-" + std::to_string(++made_),
                   std::move(location)};
    nonces_.insert(out.nonce);
    return out;
  }
  HttpAnswer problem(const std::string& type, const std::string& detail, int status = 400) {
    return reply(status, {{"type", "urn:ietf:params:acme:error:" + type}, {"detail", detail}});
  }

  Task<Result<HttpAnswer>> answer(HttpQuestion question) {
    const std::string path = question.url.substr(std::string("https://ca.test").size());
    requests.push_back(question.method + " " + path);
    if (const auto found = forced.find(path); found != forced.end()) {
      HttpAnswer out = found->second;
      forced.erase(found);
      co_return out;
    }
    if (question.method == "GET" && path == "/dir") co_return directory();
    if (question.method == "HEAD") co_return reply(200, nullptr);
    co_return post(path, question);
  }

  HttpAnswer directory() {
    Json out{{"newNonce", url("/nonce")},
             {"newAccount", url("/account")},
             {"newOrder", url("/order")},
             {"revokeCert", url("/revoke")},
             {"meta", {{"externalAccountRequired", needs_binding}}}};
    if (!terms.empty()) out["meta"]["termsOfService"] = terms;
    return reply(200, out);
  }

  HttpAnswer post(const std::string& path, const HttpQuestion& question) {
    const Json jws = Json::parse(question.body);
    const std::string header_text = jws["protected"];
    const Json header = Json::parse(decoded(header_text));
    if (nonces_.erase(header["nonce"].get<std::string>()) == 0)
      return problem("badNonce", "unknown");
    if (bad_nonces > 0) {
      --bad_nonces;
      return problem("badNonce", "try again");
    }
    if (header["url"] != question.url) return problem("unauthorized", "url");
    if (header.contains("jwk")) key_ = header["jwk"];
    const auto key = crypto::PublicKey::p256(decoded(key_["x"]), decoded(key_["y"]));
    const std::string signed_part = header_text + "." + jws["payload"].get<std::string>();
    if (!key || !key->verifies(signed_part, decoded(jws["signature"])))
      return problem("unauthorized", "signature");
    if (path != "/account" && header.value("kid", "") != url("/account/1"))
      return problem("accountDoesNotExist", "kid");
    return act(path, decoded(jws["payload"]));
  }

  HttpAnswer act(const std::string& path, const std::string& payload) {
    if (path == "/account") {
      account = Json::parse(payload);
      if (needs_binding && !account.contains("externalAccountBinding"))
        return problem("externalAccountRequired", "bind");
      return reply(201, {{"status", "valid"}}, url("/account/1"));
    }
    if (path == "/order") return new_order(Json::parse(payload));
    if (path.starts_with("/authz/")) return authorization(path.substr(7), payload);
    if (path.starts_with("/challenge/")) {
      looks_[path.substr(11)] = 1;
      return reply(200, {{"status", "processing"}});
    }
    if (path == "/order/1") return order();
    if (path == "/finalize") {
      csr = decoded(Json::parse(payload)["csr"]);
      return order();
    }
    if (path == "/certificate") {
      HttpAnswer out = reply(200, nullptr);
      out.body = certificate;
      return out;
    }
    if (path == "/revoke") {
      revoked = Json::parse(payload);
      return reply(200, nullptr);
    }
    return problem("malformed", path, 404);
  }

  HttpAnswer new_order(const Json& wish) {
    names_.clear();
    for (const Json& one : wish["identifiers"]) names_.push_back(one["value"]);
    HttpAnswer out = order();
    out.status = 201;
    out.location = url("/order/1");
    return out;
  }

  HttpAnswer order() {
    bool all = true;
    bool any_refused = false;
    Json urls = Json::array();
    for (const std::string& name : names_) {
      urls.push_back(url("/authz/" + name));
      all = all && looks_[name] > looks_until_valid && !refused.contains(name);
      any_refused = any_refused || (looks_[name] > looks_until_valid && refused.contains(name));
    }
    Json out{{"status", any_refused ? "invalid"
                        : all       ? (csr.empty() ? "ready" : "valid")
                                    : "pending"},
             {"finalize", url("/finalize")},
             {"authorizations", urls}};
    if (all && !csr.empty()) out["certificate"] = url("/certificate");
    return reply(200, out);
  }

  HttpAnswer authorization(const std::string& name, const std::string& payload) {
    if (!payload.empty()) return problem("malformed", "POST-as-GET has no payload");
    if (looks_[name] > 0) ++looks_[name];
    const bool decided = looks_[name] > looks_until_valid;
    const std::string status = !decided ? "pending" : refused.contains(name) ? "invalid" : "valid";
    Json challenges = Json::array();
    for (const std::string& kind : kinds) {
      Json challenge{{"type", kind},
                     {"url", url("/challenge/" + name)},
                     {"status", status},
                     {"token", "token-of-" + kind}};
      if (status == "invalid")
        challenge["error"] = {{"type", "urn:ietf:params:acme:error:connection"},
                              {"detail", "nobody at " + name}};
      challenges.push_back(challenge);
    }
    return reply(200, {{"status", status},
                       {"identifier", {{"type", "dns"}, {"value", name}}},
                       {"challenges", challenges}});
  }

  unsigned made_ = 0;
  std::set<std::string> nonces_;
  Json key_;
  std::vector<std::string> names_;
  std::map<std::string, unsigned> looks_;  // since the challenge was begun; 0: it was not
};

}  // namespace hauspost::acme::test
