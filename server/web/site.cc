#include "server/web/site.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "server/directory/client_settings.h"
#include "server/directory/names.h"
#include "server/directory/web_settings.h"

namespace hauspost::web {

namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kXml = "text/xml; charset=utf-8";
constexpr std::string_view kJson = "application/json; charset=utf-8";
constexpr std::string_view kProfile = "application/x-apple-aspen-config";

constexpr std::string_view kAutoconfigPath = "/mail/config-v1.1.xml";
constexpr std::string_view kWellKnownAutoconfigPath =
    "/.well-known/autoconfig/mail/config-v1.1.xml";
constexpr std::string_view kPolicyPath = "/.well-known/mta-sts.txt";
constexpr std::string_view kChallengePath = "/.well-known/acme-challenge/";
constexpr std::string_view kProfilePath = "/mail.mobileconfig";
constexpr std::string_view kAutodiscoverPath = "/autodiscover/autodiscover.xml";
constexpr std::string_view kAutodiscoverJsonPath = "/autodiscover/autodiscover.json";

// Names in front of a domain under which clients ask.
constexpr std::string_view kPrefixes[] = {"autoconfig.", "autodiscover.", "mta-sts."};

constexpr unsigned kNoSuchAddress = 500;
constexpr unsigned kNoQuestion = 600;
constexpr unsigned kOtherSchema = 601;
constexpr std::string_view kOutlookSchema = "outlook/responseschema/2006a";
constexpr std::uint64_t kErrorIdModulus = 4'294'967'296;

Response plain(unsigned status, std::string_view text) {
  return {.status = status, .content_type = std::string(kText), .body = std::string(text) + "\n"};
}

Response not_found() { return plain(404, "Not found"); }

Response document(std::string_view type, std::string body) {
  return {.content_type = std::string(type),
          .body = std::move(body),
          .fields = {{"Cache-Control", "no-store"}}};
}

Response not_allowed(std::string allowed) {
  Response out = plain(405, "Method not allowed");
  out.fields.emplace_back("Allow", std::move(allowed));
  return out;
}

Response moved(unsigned status, std::string location) {
  Response out = plain(status, "See " + location);
  out.fields.emplace_back("Location", std::move(location));
  return out;
}

Response wants_login() {
  Response out = plain(401, "Log in with your e-mail address and password");
  out.fields.emplace_back("WWW-Authenticate", "Basic realm=\"mail\", charset=\"UTF-8\"");
  return out;
}

bool reads(const Request& request) { return request.method == "GET" || request.method == "HEAD"; }

// RFC 7617 section 2. nullopt: nothing of the kind, or malformed.
std::optional<std::pair<std::string, Secret>> basic_credentials(const Request& request) {
  constexpr std::string_view kScheme = "basic ";
  std::string_view value = field(request.fields, "Authorization");
  if (!istarts_with(value, kScheme)) return std::nullopt;
  const auto decoded = base64_decode(trim(value.substr(kScheme.size())));
  if (!decoded) return std::nullopt;
  const Secret wiped(*decoded);
  const std::size_t colon = decoded->find(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string name = decoded->substr(0, colon);
  // Outlook may put a Windows domain in front.
  if (const auto backslash = name.rfind('\\'); backslash != std::string::npos)
    name.erase(0, backslash + 1);
  return std::pair(std::move(name), Secret(decoded->substr(colon + 1)));
}

}  // namespace

struct Site::Asked {
  Request request;
  Target target;
  std::string host;  // see host_name()
  bool is(std::string_view path) const { return target.path == path; }
  bool is_below(std::string_view path) const { return target.path.starts_with(path); }
  bool is_any_case(std::string_view path) const { return iequals(target.path, path); }
};

std::string Site::origin(std::string_view name) const {
  constexpr std::uint16_t kHttpsPort = 443;
  std::uint16_t port = kHttpsPort;
  bool found = false;
  for (const auto& one : directory::client_bindings(directory::asking(directory_))) {
    if (one.service != "https" || found) continue;
    port = one.port;
    found = true;
  }
  return port == kHttpsPort ? fmt::format("https://{}", name)
                            : fmt::format("https://{}:{}", name, port);
}

std::string Site::title_for(std::string_view domain) const {
  const auto settings = directory::web_settings(directory::asking(directory_));
  if (!settings.title.empty()) return settings.title;
  return std::string(domain.empty() ? std::string_view(hostname_) : domain);
}

Result<std::string> Site::domain_of(const Asked& asked) const {
  std::string_view address = field(asked.target.query, "emailaddress");
  if (address.empty()) address = field(asked.target.query, "email");
  std::string name;
  if (address.empty()) {
    name = asked.host;
    for (const std::string_view prefix : kPrefixes) {
      if (name.starts_with(prefix)) {
        name.erase(0, prefix.size());
        break;
      }
    }
  } else {
    const auto parsed = directory::split_address(address);
    if (!parsed) return std::string();
    name = parsed->domain;
  }
  if (name.empty() || name == directory::kSystemDomain) return std::string();
  TRY_ASSIGN(const auto entry, directory_.domain(name));
  // Where all addresses are elsewhere, nobody is told to connect here.
  if (!entry || entry->type == directory::DomainType::kExternalRelay) return std::string();
  return name;
}

Task<Response> Site::answer(Request request, Visitor& visitor) const {
  const bool known = reads(request) || request.method == "POST";
  if (!known) co_return not_allowed("GET, HEAD, POST");
  auto routed = co_await route(std::move(request), visitor);
  if (routed) co_return std::move(*routed);
  if (routed.error().code != ErrorCode::kCancelled)
    log::warning("web.failed",
                 {{"session", visitor.session.to_string()}, {"cause", routed.error()}});
  Response busy = plain(503, "Not available now, try again later");
  busy.fields.emplace_back("Retry-After", "30");
  busy.close = routed.error().code == ErrorCode::kCancelled;
  co_return busy;
}

Task<Result<Response>> Site::route(Request request, Visitor& visitor) const {
  auto target = parse_target(request.target);
  if (!target) co_return plain(400, "Bad request");
  std::string host = host_name(field(request.fields, "Host"));
  const Asked asked{std::move(request), std::move(*target), std::move(host)};
  if (asked.is_below(kChallengePath)) co_return challenge(asked);
  if (!visitor.tls) co_return in_the_clear(asked);
  if (asked.is_any_case(kAutodiscoverPath)) co_return co_await autodiscover(asked, visitor);
  if (!reads(asked.request)) co_return not_allowed("GET, HEAD");
  co_return page(asked);
}

Response Site::challenge(const Asked& asked) const {
  if (!reads(asked.request)) return not_allowed("GET, HEAD");
  const auto found = challenges_.find(asked.target.path.substr(kChallengePath.size()));
  if (found == challenges_.end()) return not_found();
  Response out = document("application/octet-stream", found->second);
  return out;
}

// Port 80: the way to https, and nothing else. Whoever sends a password here has shown it to
// everybody already, but is not to learn to go on like that.
Result<Response> Site::in_the_clear(const Asked& asked) const {
  const bool autodiscover = asked.is_any_case(kAutodiscoverPath);
  if (!field(asked.request.fields, "Authorization").empty()) {
    Response out = plain(403, "Passwords are taken over https alone");
    out.close = true;
    return out;
  }
  if (!reads(asked.request) && !autodiscover) return not_allowed("GET, HEAD");
  // Only to names of ours, whatever the client calls us.
  TRY_ASSIGN(const std::string domain, domain_of({asked.request, {}, asked.host}));
  const std::string_view name = domain.empty() ? std::string_view(hostname_) : asked.host;
  std::string location = origin(name) + percent_encode_path(asked.target.path);
  char separator = '?';
  for (const auto& [key, value] : asked.target.query) {
    location += separator + percent_encode(key) + '=' + percent_encode(value);
    separator = '&';
  }
  if (!reads(asked.request)) return moved(307, std::move(location));
  return moved(autodiscover ? 302 : 301, std::move(location));
}

Result<Response> Site::page(const Asked& asked) const {
  if (asked.is(kAutoconfigPath) || asked.is(kWellKnownAutoconfigPath)) return autoconfig(asked);
  if (asked.is(kPolicyPath)) return policy(asked);
  if (asked.is(kProfilePath)) return profile(asked);
  if (istarts_with(asked.target.path, kAutodiscoverJsonPath)) return autodiscover_json(asked);
  if (asked.is("/")) return front_page(asked);
  return not_found();
}

Result<Response> Site::front_page(const Asked& asked) const {
  TRY_ASSIGN(const std::string domain, domain_of(asked));
  const std::string_view address = field(asked.target.query, "email");
  // Under a name that is none of ours there is nothing to say.
  if (domain.empty() && (!address.empty() || asked.host != hostname_)) return not_found();
  TRY_ASSIGN(const Settings settings, directory::advertised_settings(directory_));
  PageFacts facts{.title = title_for(domain), .address = std::string(address), .domain = domain};
  // By number there is no name to lead a phone to.
  const std::string_view name = asked.host.empty() ? std::string_view(hostname_) : asked.host;
  if (!address.empty() && !mobileconfig(settings, address, facts.title).empty())
    facts.profile_url =
        fmt::format("{}{}?email={}", origin(name), kProfilePath, percent_encode(address));
  return document(kHtml, settings_page(settings, facts));
}

Result<Response> Site::autoconfig(const Asked& asked) const {
  TRY_ASSIGN(const std::string domain, domain_of(asked));
  if (domain.empty()) return not_found();
  TRY_ASSIGN(const Settings settings, directory::advertised_settings(directory_));
  if (settings.empty()) return not_found();
  return document(kXml, autoconfig_xml(settings, domain, title_for(domain)));
}

// Says of no address whether there is such a mailbox: it holds what is the same for all.
Result<Response> Site::profile(const Asked& asked) const {
  const std::string_view email = field(asked.target.query, "email");
  if (email.empty()) return not_found();
  TRY_ASSIGN(const std::string domain, domain_of(asked));
  if (domain.empty()) return not_found();
  TRY_ASSIGN(const Settings settings, directory::advertised_settings(directory_));
  std::string text = mobileconfig(settings, email, title_for(domain));
  if (text.empty()) return not_found();
  Response out = document(kProfile, std::move(text));
  out.fields.emplace_back("Content-Disposition", "attachment; filename=\"mail.mobileconfig\"");
  return out;
}

// RFC 8461 section 3.3.
Result<Response> Site::policy(const Asked& asked) const {
  if (!asked.host.starts_with("mta-sts.")) return not_found();
  TRY_ASSIGN(const std::string domain, domain_of({asked.request, {}, asked.host}));
  if (domain.empty()) return not_found();
  std::string text =
      directory::web_policy_text(directory::web_settings(directory::asking(directory_)), hostname_);
  if (text.empty()) return not_found();
  return document(kText, std::move(text));
}

Response Site::autodiscover_json(const Asked& asked) const {
  const std::string_view protocol = field(asked.target.query, "Protocol");
  Response out = document(kJson, {});
  if (iequals(protocol, "AutodiscoverV1")) {
    out.body = nlohmann::json{{"Protocol", "AutodiscoverV1"},
                              {"Url", origin(hostname_) + "/autodiscover/autodiscover.xml"}}
                   .dump();
    return out;
  }
  out.status = 400;
  out.body =
      nlohmann::json{
          {"ErrorCode", protocol.empty() ? "MandatoryParameterMissing" : "InvalidProtocol"},
          {"ErrorMessage", protocol.empty() ? "A valid value must be provided for 'Protocol'"
                                            : "The given protocol value is invalid. "
                                              "Supported values are 'AutodiscoverV1'"}}
          .dump();
  return out;
}

Task<Result<Response>> Site::autodiscover(const Asked& asked, Visitor& visitor) const {
  CO_TRY_ASSIGN(const auto identity, co_await log_in(asked.request, visitor));
  if (identity) co_return autodiscover_for(asked, *identity);
  Response refused = wants_login();
  refused.close = visitor.failed_logins >= kFailedLoginsMax;
  co_return refused;
}

// nullopt: nobody, with a password or without one.
Task<Result<std::optional<auth::Identity>>> Site::log_in(const Request& request,
                                                         Visitor& visitor) const {
  auto credentials = basic_credentials(request);
  if (!credentials) co_return std::nullopt;
  const auto begun = std::chrono::steady_clock::now();
  const std::string name = credentials->first;
  auto identity = co_await authenticator_.verify({.name = std::move(credentials->first),
                                                  .password = std::move(credentials->second),
                                                  .client_address = visitor.address,
                                                  .protocol = link::Protocol::kHttp,
                                                  .session = visitor.session});
  if (identity) {
    log::info("login.ok", {{"session", visitor.session.to_string()},
                           {"listener", "https"},
                           {"client", visitor.address},
                           {"mailbox", identity->address}});
    co_return std::move(*identity);
  }
  const bool denied = identity.error().code == ErrorCode::kDenied;
  log::warning("login.failed", {{"session", visitor.session.to_string()},
                                {"listener", "https"},
                                {"client", visitor.address},
                                {"name", name},
                                {"reason", denied ? "denied" : "unavailable"},
                                {"cause", identity.error()}});
  if (!denied) co_return fail(std::move(identity).error());
  const auto left =
      begun + delay_ * (1U << visitor.failed_logins++) - std::chrono::steady_clock::now();
  if (left > Duration::zero()) CO_TRY(co_await sleep_for(left));
  co_return std::nullopt;
}

Result<Response> Site::autodiscover_for(const Asked& asked, const auth::Identity& identity) const {
  const auto refuse = [&](unsigned code, std::string_view message) {
    const auto now = clock_.now().time_since_epoch();
    const auto second = std::chrono::duration_cast<std::chrono::seconds>(now).count() % 86'400;
    return document(
        kXml, autodiscover_error_xml(
                  code, message,
                  fmt::format("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60),
                  std::hash<Guid>{}(identity.mailbox) % kErrorIdModulus));
  };
  const AutodiscoverAsked question = parse_autodiscover(asked.request.body);
  if (asked.request.method != "POST" || question.address.empty())
    return refuse(kNoQuestion, "Invalid Request");
  if (!question.schema.empty() && question.schema.find(kOutlookSchema) == std::string::npos)
    return refuse(kOtherSchema, "Provider is not available");
  // Everybody is told their own settings alone.
  TRY_ASSIGN(const auto whose, directory_.resolve(question.address));
  const Guid user = identity.user.value_or(identity.mailbox);
  if (!whose.mailbox || whose.mailbox->guid != user)
    return refuse(kNoSuchAddress, "The email address can't be found.");
  TRY_ASSIGN(const Settings settings, directory::advertised_settings(directory_));
  if (settings.empty()) return refuse(kNoSuchAddress, "No settings are published here.");
  return document(kXml, autodiscover_xml(settings, identity.address, whose.mailbox->display_name));
}

}  // namespace hauspost::web
