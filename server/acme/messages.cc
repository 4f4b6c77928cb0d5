#include "server/acme/messages.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/text.h"

namespace hauspost::acme {

namespace {

using Json = nlohmann::json;

constexpr std::string_view kAcmeErrors = "urn:ietf:params:acme:error:";
constexpr std::size_t kPartsMax = 20;
constexpr std::size_t kNestingMax = 12;
constexpr std::size_t kTypeMax = 100;
constexpr std::size_t kContactsMax = 20;

constexpr std::pair<std::string_view, Status> kStatuses[] = {
    {"pending", Status::kPending},       {"ready", Status::kReady},
    {"processing", Status::kProcessing}, {"valid", Status::kValid},
    {"invalid", Status::kInvalid},       {"deactivated", Status::kDeactivated},
    {"expired", Status::kExpired},       {"revoked", Status::kRevoked}};

std::unexpected<Error> wrong(std::string_view what, std::string_view why) {
  return fail(ErrorCode::kInvalid, fmt::format("the server's {}: {}", what, why));
}

// Deeper documents would be work for the destructor's stack.
bool is_flat(std::string_view body) {
  std::size_t depth = 0;
  for (const char c : body) {
    if (c == '{' || c == '[') {
      if (++depth > kNestingMax) return false;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return true;
}

Result<Json> object(std::string_view what, std::string_view body) {
  if (body.size() > kAnswerBytesMax) return wrong(what, "too long");
  if (!is_flat(body)) return wrong(what, "nested too deeply");
  Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return wrong(what, "not a JSON object");
  return json;
}

// Null: absent, or of another type.
const std::string* text(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end()) return nullptr;
  return found->get_ptr<const Json::string_t*>();
}

Result<std::string> url(const Json& json, const char* name, std::string_view what) {
  const std::string* value = text(json, name);
  if (value == nullptr) return wrong(what, fmt::format("no \"{}\"", name));
  if (!is_https_url(*value)) return wrong(what, fmt::format("\"{}\" is no https URL", name));
  return *value;
}

Result<std::string> optional_url(const Json& json, const char* name, std::string_view what) {
  return json.contains(name) ? url(json, name, what) : Result<std::string>(std::string());
}

Result<Status> status_of(const Json& json, std::string_view what) {
  const std::string* value = text(json, "status");
  if (value == nullptr) return wrong(what, "no \"status\"");
  const auto* found =
      std::ranges::find(kStatuses, *value, &std::pair<std::string_view, Status>::first);
  if (found == std::end(kStatuses))
    return wrong(what, fmt::format("unknown status \"{}\"", escape_for_log(*value, kTypeMax)));
  return found->second;
}

std::string short_type(const Json& json) {
  const std::string* value = text(json, "type");
  if (value == nullptr) return {};
  std::string_view type = *value;
  if (type.starts_with(kAcmeErrors)) type.remove_prefix(kAcmeErrors.size());
  return escape_for_log(type, kTypeMax);
}

std::string detail_of(const Json& json) {
  const std::string* value = text(json, "detail");
  if (value == nullptr) value = text(json, "title");
  if (value == nullptr) return {};
  std::string text_alone = *value;
  std::ranges::replace(text_alone, '"', '\'');  // many servers quote, and \x22 is hard to read
  return escape_for_log(text_alone, kProblemTextMax);
}

std::string identifier_of(const Json& json) {
  const auto found = json.find("identifier");
  if (found == json.end() || !found->is_object()) return {};
  const std::string* value = text(*found, "value");
  return value == nullptr ? std::string() : escape_for_log(*value);
}

Problem problem_of(const Json& json) {
  Problem problem{short_type(json), detail_of(json), {}};
  if (problem.detail.empty()) problem.detail = "no reason was given";
  const auto parts = json.find("subproblems");
  if (parts == json.end() || !parts->is_array()) return problem;
  for (const Json& part : *parts) {
    if (!part.is_object() || problem.parts.size() >= kPartsMax) break;
    problem.parts.push_back({identifier_of(part), short_type(part), detail_of(part)});
  }
  return problem;
}

std::optional<Problem> error_of(const Json& json) {
  const auto found = json.find("error");
  if (found == json.end() || !found->is_object()) return std::nullopt;
  return problem_of(*found);
}

bool is_token(std::string_view token) {
  return !token.empty() && token.size() <= kTokenMax && std::ranges::all_of(token, [](char c) {
    return is_alpha(c) || is_digit(c) || c == '-' || c == '_';
  });
}

Result<Challenge> challenge_of(const Json& json) {
  constexpr std::string_view kWhat = "challenge";
  if (!json.is_object()) return wrong(kWhat, "not an object");
  Challenge challenge;
  const std::string* type = text(json, "type");
  if (type == nullptr) return wrong(kWhat, "no \"type\"");
  challenge.type = escape_for_log(*type, kTypeMax);
  TRY_ASSIGN(challenge.url, url(json, "url", kWhat));
  TRY_ASSIGN(challenge.status, status_of(json, kWhat));
  challenge.error = error_of(json);
  // It becomes part of a path and of what we sign.
  if (const std::string* token = text(json, "token"); token != nullptr && is_token(*token))
    challenge.token = *token;
  return challenge;
}

}  // namespace

std::string Problem::text() const {
  std::string out = type.empty() ? detail : type + ": " + detail;
  for (const Part& part : parts) {
    out += fmt::format("; {}{}{}{}{}", part.name, part.name.empty() ? "" : ": ", part.type,
                       part.type.empty() || part.detail.empty() ? "" : ": ", part.detail);
  }
  return out;
}

Problem parse_problem(std::string_view body, int http_status) {
  const auto json = object("problem", body);
  if (json && (text(*json, "type") != nullptr || text(*json, "detail") != nullptr))
    return problem_of(*json);
  return {{}, fmt::format("HTTP status {} without a reason", http_status), {}};
}

Result<Directory> parse_directory(std::string_view body) {
  constexpr std::string_view kWhat = "directory";
  TRY_ASSIGN(const Json json, object(kWhat, body));
  Directory directory;
  TRY_ASSIGN(directory.new_nonce, url(json, "newNonce", kWhat));
  TRY_ASSIGN(directory.new_account, url(json, "newAccount", kWhat));
  TRY_ASSIGN(directory.new_order, url(json, "newOrder", kWhat));
  TRY_ASSIGN(directory.revoke_cert, optional_url(json, "revokeCert", kWhat));
  const auto meta = json.find("meta");
  if (meta == json.end() || !meta->is_object()) return directory;
  if (const std::string* terms = text(*meta, "termsOfService"))
    directory.terms = escape_for_log(*terms, kUrlMax);
  const auto needs = meta->find("externalAccountRequired");
  directory.needs_binding = needs != meta->end() && needs->is_boolean() && needs->get<bool>();
  return directory;
}

Result<Account> parse_account(std::string_view body) {
  constexpr std::string_view kWhat = "account";
  TRY_ASSIGN(const Json json, object(kWhat, body));
  Account account;
  TRY_ASSIGN(account.status, status_of(json, kWhat));
  const auto contacts = json.find("contact");
  if (contacts == json.end() || !contacts->is_array()) return account;
  for (const Json& one : *contacts) {
    if (account.contacts.size() >= kContactsMax) break;
    if (const auto* contact = one.get_ptr<const Json::string_t*>())
      account.contacts.push_back(*contact);
  }
  return account;
}

Result<Order> parse_order(std::string_view body) {
  constexpr std::string_view kWhat = "order";
  TRY_ASSIGN(const Json json, object(kWhat, body));
  Order order;
  TRY_ASSIGN(order.status, status_of(json, kWhat));
  TRY_ASSIGN(order.finalize, url(json, "finalize", kWhat));
  TRY_ASSIGN(order.certificate, optional_url(json, "certificate", kWhat));
  order.error = error_of(json);
  const auto list = json.find("authorizations");
  if (list == json.end() || !list->is_array()) return wrong(kWhat, "no \"authorizations\"");
  if (list->size() > kNamesMax) return wrong(kWhat, "too many authorizations");
  for (const Json& one : *list) {
    const auto* value = one.get_ptr<const Json::string_t*>();
    if (value == nullptr || !is_https_url(*value))
      return wrong(kWhat, "an authorization is no https URL");
    order.authorizations.push_back(*value);
  }
  return order;
}

Result<Authorization> parse_authorization(std::string_view body) {
  constexpr std::string_view kWhat = "authorization";
  TRY_ASSIGN(const Json json, object(kWhat, body));
  Authorization authorization;
  TRY_ASSIGN(authorization.status, status_of(json, kWhat));
  authorization.name = identifier_of(json);
  if (authorization.name.empty()) return wrong(kWhat, "no identifier");
  const auto list = json.find("challenges");
  if (list == json.end() || !list->is_array()) return wrong(kWhat, "no \"challenges\"");
  if (list->size() > kChallengesMax) return wrong(kWhat, "too many challenges");
  for (const Json& one : *list) {
    TRY_ASSIGN(Challenge challenge, challenge_of(one));
    authorization.challenges.push_back(std::move(challenge));
  }
  return authorization;
}

bool is_https_url(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  return url.size() <= kUrlMax && url.size() > kScheme.size() && url.starts_with(kScheme) &&
         url[kScheme.size()] != '/' && std::ranges::all_of(url, [](char c) {
           return c > ' ' && c < 0x7f && c != '"' && c != '\\';
         });
}

}  // namespace hauspost::acme
