#include "transport/dns/tls_reports.h"

#include <nlohmann/json.hpp>

#include <map>
#include <tuple>

#include "base/text.h"

namespace hauspost::dns {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kDetailTextMax = 200;

std::string_view kind_word(PolicyFacts::Kind kind) {
  switch (kind) {
    case PolicyFacts::Kind::kNone: return "no-policy-found";
    case PolicyFacts::Kind::kTlsa: return "tlsa";
    case PolicyFacts::Kind::kSts: return "sts";
  }
  return "no-policy-found";
}

PolicyFacts::Kind kind_of(std::string_view word) {
  for (const auto kind : {PolicyFacts::Kind::kTlsa, PolicyFacts::Kind::kSts})
    if (word == kind_word(kind)) return kind;
  return PolicyFacts::Kind::kNone;
}

// What a peer said, as text that JSON and a reader can bear.
std::string safe(std::string_view text) { return escape_for_log(text, kDetailTextMax); }

// Result, sending address, host, receiving address, helo, reason.
using Detail =
    std::tuple<std::string, std::string, std::string, std::string, std::string, std::string>;

Json detail_json(const Detail& detail, std::uint64_t count) {
  const auto& [result, sender, host, receiver, helo, reason] = detail;
  Json out{{"result-type", result}};
  if (!sender.empty()) out["sending-mta-ip"] = sender;
  if (!host.empty()) out["receiving-mx-hostname"] = host;
  if (!helo.empty()) out["receiving-mx-helo"] = helo;
  if (!receiver.empty()) out["receiving-ip"] = receiver;
  out["failed-session-count"] = count;
  if (!reason.empty()) out["failure-reason-code"] = reason;
  return out;
}

Detail detail_from(const Json& json) {
  const auto text = [&](const char* key) { return json.value(key, std::string()); };
  return {text("result-type"),  text("sending-mta-ip"),    text("receiving-mx-hostname"),
          text("receiving-ip"), text("receiving-mx-helo"), text("failure-reason-code")};
}

}  // namespace

struct TlsReports::Policy {
  PolicyFacts facts;
  std::uint64_t successes = 0;
  std::uint64_t failures = 0;
  std::map<Detail, std::uint64_t> details;

  Json to_json() const {
    Json policy{{"policy-type", kind_word(facts.kind)}};
    if (!facts.strings.empty()) policy["policy-string"] = facts.strings;
    policy["policy-domain"] = facts.domain;
    if (!facts.hosts.empty()) policy["mx-host"] = facts.hosts;
    Json out{{"policy", policy},
             {"summary",
              {{"total-successful-session-count", successes},
               {"total-failure-session-count", failures}}}};
    for (const auto& [detail, count] : details)
      out["failure-details"].push_back(detail_json(detail, count));
    return out;
  }
  static Policy from_json(const Json& json) {
    Policy out;
    const Json& policy = json.at("policy");
    out.facts.kind = kind_of(policy.value("policy-type", std::string()));
    out.facts.domain = policy.value("policy-domain", std::string());
    out.facts.strings = policy.value("policy-string", std::vector<std::string>());
    out.facts.hosts = policy.value("mx-host", std::vector<std::string>());
    const Json& summary = json.at("summary");
    out.successes = summary.value("total-successful-session-count", std::uint64_t{0});
    out.failures = summary.value("total-failure-session-count", std::uint64_t{0});
    if (json.contains("failure-details"))
      for (const Json& one : json.at("failure-details"))
        out.details[detail_from(one)] += one.value("failed-session-count", std::uint64_t{0});
    return out;
  }
};

struct TlsReports::Domain {
  bool done = false;
  std::vector<Policy> policies;

  Json to_json() const {
    Json all = Json::array();
    for (const Policy& policy : policies) all.push_back(policy.to_json());
    return {{"done", done}, {"policies", all}};
  }
  static Domain from_json(const Json& json) {
    Domain out;
    out.done = json.value("done", false);
    for (const Json& policy : json.at("policies"))
      out.policies.push_back(Policy::from_json(policy));
    return out;
  }
};

TlsReports::TlsReports(const Clock& clock, Options options)
    : clock_(clock), options_(std::move(options)), days_(options_.folder) {
  days_.read("tls_report.file_unreadable", [](const std::string& text) {
    transport::DayFiles<Domain>::Day day;
    const Json json = Json::parse(text);
    for (const auto& [name, stored] : json.at("domains").items())
      day[name] = Domain::from_json(stored);
    return day;
  });
}

TlsReports::~TlsReports() = default;

TlsReports::Policy* TlsReports::policy_of(Domain& domain, const PolicyFacts& facts) const {
  for (Policy& policy : domain.policies)
    if (policy.facts.kind == facts.kind && policy.facts.domain == facts.domain &&
        policy.facts.strings == facts.strings)
      return &policy;
  if (domain.policies.size() >= options_.policies_max) return nullptr;
  domain.policies.push_back({.facts = facts});
  return &domain.policies.back();
}

void TlsReports::record(const TlsResult& result) {
  if (!collecting_ || result.recipient_domain.empty()) return;
  const std::string date = today();
  Domain* domain = days_.find_or_add(date, result.recipient_domain, options_.domains_max);
  if (domain == nullptr) return;
  PolicyFacts facts = result.policy;
  if (facts.domain.empty()) facts.domain = std::string(result.recipient_domain);
  Policy* policy = policy_of(*domain, facts);
  if (policy == nullptr) return;
  days_.changed(date);
  if (result.failure == TlsFailure::kNone) {
    ++policy->successes;
    return;
  }
  ++policy->failures;
  const Detail detail{std::string(to_string(result.failure)),
                      safe(result.sending_address),
                      safe(result.receiving_host),
                      safe(result.receiving_address),
                      safe(result.receiving_helo),
                      safe(result.detail)};
  if (policy->details.size() < options_.details_max || policy->details.contains(detail))
    ++policy->details[detail];
}

std::string TlsReports::today() const { return date_of(clock_.now()); }

std::vector<std::string> TlsReports::dates() const { return days_.dates(); }

std::vector<TlsReports::Sum> TlsReports::sums() const {
  std::vector<Sum> all;
  for (const auto& [date, day] : days_.days())
    for (const auto& [name, domain] : day)
      for (const Policy& policy : domain.policies)
        all.push_back({date, name, std::string(kind_word(policy.facts.kind)), policy.successes,
                       policy.failures, domain.done});
  return all;
}

std::vector<std::string> TlsReports::open_domains(const std::string& date) const {
  return days_.open_domains(date);
}

std::string TlsReports::report(const std::string& date, const std::string& domain,
                               const Identity& identity) const {
  const Domain* found = days_.find(date, domain);
  if (found == nullptr) return {};
  Json out{{"organization-name", identity.organization},
           {"date-range",
            {{"start-datetime", date + "T00:00:00Z"}, {"end-datetime", date + "T23:59:59Z"}}},
           {"contact-info", identity.contact},
           {"report-id", identity.report_id},
           {"policies", Json::array()}};
  for (const Policy& policy : found->policies) out["policies"].push_back(policy.to_json());
  return out.dump(1, ' ', true, Json::error_handler_t::replace);
}

void TlsReports::mark(const std::string& date, const std::string& domain) {
  days_.mark(date, domain);
}

void TlsReports::forget_before(const std::string& date) { days_.forget_before(date); }

Result<> TlsReports::save() {
  return days_.save([](const auto& day) {
    Json domains = Json::object();
    for (const auto& [name, domain] : day) domains[name] = domain.to_json();
    return Json{{"domains", domains}}.dump(-1, ' ', true, Json::error_handler_t::replace);
  });
}

}  // namespace hauspost::dns
