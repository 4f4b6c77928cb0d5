#include "transport/dns/tls_reports.h"

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <tuple>

#include "base/log.h"
#include "base/text.h"

namespace hauspost::dns {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::string_view kSuffix = ".json";
constexpr std::size_t kDetailTextMax = 200;
constexpr std::uintmax_t kFileBytesMax = 256ULL << 20;

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

std::optional<std::chrono::sys_days> parse_date(const std::string& date) {
  if (date.size() != 10 || date[4] != '-' || date[7] != '-') return std::nullopt;
  const auto year = parse_u64(date.substr(0, 4));
  const auto month = parse_u64(date.substr(5, 2));
  const auto day = parse_u64(date.substr(8, 2));
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day parsed{std::chrono::year(static_cast<int>(*year)),
                                           std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
  if (!parsed.ok()) return std::nullopt;
  return std::chrono::sys_days(parsed);
}

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

bool write_whole(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".new";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t count = ::write(fd, rest.data(), rest.size());
    if (count <= 0) break;
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  const bool good = rest.empty() && ::fdatasync(fd) == 0;
  ::close(fd);
  return good && ::rename(temporary.c_str(), path.c_str()) == 0;
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
};

TlsReports::TlsReports(const Clock& clock, Options options)
    : clock_(clock), options_(std::move(options)) {
  if (options_.folder.empty()) return;
  std::error_code failed;
  fs::create_directories(options_.folder, failed);
  std::vector<std::string> names;
  for (fs::directory_iterator it(options_.folder, failed), end; !failed && it != end;
       it.increment(failed))
    names.push_back(it->path().filename().string());
  for (const std::string& name : names) {
    const std::string date = name.substr(0, name.size() - std::min(name.size(), kSuffix.size()));
    if (name.ends_with(kSuffix) && parse_date(date)) read(date);
  }
}

TlsReports::~TlsReports() = default;

std::string TlsReports::path_of(const std::string& date) const {
  return options_.folder + "/" + date + std::string(kSuffix);
}

void TlsReports::read(const std::string& date) {
  try {
    const std::string path = path_of(date);
    if (fs::file_size(path) > kFileBytesMax) throw std::runtime_error("larger than it can be");
    std::ifstream in(path);
    const Json json = Json::parse(in);
    Day day;
    for (const auto& [name, stored] : json.at("domains").items()) {
      Domain& domain = day[name];
      domain.done = stored.value("done", false);
      for (const Json& policy : stored.at("policies"))
        domain.policies.push_back(Policy::from_json(policy));
    }
    days_[date] = std::move(day);
  } catch (const std::exception& failed) {
    log::warning("tls_report.file_unreadable", {{"date", date}, {"cause", failed.what()}});
  }
}

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
  Day& day = days_[date];
  auto found = day.find(result.recipient_domain);
  if (found == day.end()) {
    if (day.size() >= options_.domains_max) return;
    found = day.emplace(std::string(result.recipient_domain), Domain()).first;
  }
  PolicyFacts facts = result.policy;
  if (facts.domain.empty()) facts.domain = std::string(result.recipient_domain);
  Policy* policy = policy_of(found->second, facts);
  if (policy == nullptr) return;
  changed_.insert(date);
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

std::vector<std::string> TlsReports::dates() const {
  std::vector<std::string> all;
  for (const auto& [date, day] : days_) all.push_back(date);
  return all;
}

std::vector<TlsReports::Sum> TlsReports::sums() const {
  std::vector<Sum> all;
  for (const auto& [date, day] : days_)
    for (const auto& [name, domain] : day)
      for (const Policy& policy : domain.policies)
        all.push_back({date, name, std::string(kind_word(policy.facts.kind)), policy.successes,
                       policy.failures, domain.done});
  return all;
}

std::vector<std::string> TlsReports::open_domains(const std::string& date) const {
  std::vector<std::string> all;
  const auto day = days_.find(date);
  if (day == days_.end()) return all;
  for (const auto& [name, domain] : day->second)
    if (!domain.done) all.push_back(name);
  return all;
}

std::string TlsReports::report(const std::string& date, const std::string& domain,
                               const Identity& identity) const {
  const auto day = days_.find(date);
  if (day == days_.end()) return {};
  const auto found = day->second.find(domain);
  if (found == day->second.end()) return {};
  Json out{{"organization-name", identity.organization},
           {"date-range",
            {{"start-datetime", date + "T00:00:00Z"}, {"end-datetime", date + "T23:59:59Z"}}},
           {"contact-info", identity.contact},
           {"report-id", identity.report_id},
           {"policies", Json::array()}};
  for (const Policy& policy : found->second.policies) out["policies"].push_back(policy.to_json());
  return out.dump(1, ' ', true, Json::error_handler_t::replace);
}

void TlsReports::mark(const std::string& date, const std::string& domain) {
  const auto day = days_.find(date);
  if (day == days_.end()) return;
  const auto found = day->second.find(domain);
  if (found == day->second.end() || found->second.done) return;
  found->second.done = true;
  changed_.insert(date);
}

void TlsReports::forget_before(const std::string& date) {
  for (auto it = days_.begin(); it != days_.end() && it->first < date; it = days_.erase(it)) {
    changed_.erase(it->first);
    std::error_code ignored;
    if (!options_.folder.empty()) fs::remove(path_of(it->first), ignored);
  }
}

Result<> TlsReports::save() {
  if (options_.folder.empty()) return {};
  while (!changed_.empty()) {
    const std::string date = *changed_.begin();
    Json domains = Json::object();
    for (const auto& [name, domain] : days_[date]) {
      Json policies = Json::array();
      for (const Policy& policy : domain.policies) policies.push_back(policy.to_json());
      domains[name] = {{"done", domain.done}, {"policies", policies}};
    }
    if (!write_whole(path_of(date), Json{{"domains", domains}}.dump(
                                        -1, ' ', true, Json::error_handler_t::replace)))
      return fail(errno_error("writing " + path_of(date)));
    changed_.erase(date);
  }
  return {};
}

DayRange day_range(const std::string& date) {
  const auto day = parse_date(date);
  if (!day) return {};
  const auto begin = std::chrono::duration_cast<Seconds>(day->time_since_epoch()).count();
  return {begin, begin + 86'399};
}

std::string date_of(WallTime time) {
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

}  // namespace hauspost::dns
