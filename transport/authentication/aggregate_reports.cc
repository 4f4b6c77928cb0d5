#include "transport/authentication/aggregate_reports.h"

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace hauspost::mailauth {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kTextMax = 255;

// What a peer said, as text that JSON and a reader can bear.
std::string safe(std::string_view text) { return escape_for_log(text, kTextMax); }

std::string domain_of(std::string_view address) {
  return ascii_lower(address.substr(address.rfind('@') + 1));
}

Json policy_json(const DmarcRecord& policy) {
  Json out{{"p", to_string(policy.policy)},
           {"adkim", policy.strict_dkim ? "s" : "r"},
           {"aspf", policy.strict_spf ? "s" : "r"},
           {"pct", policy.percent},
           {"rua", policy.report_to}};
  if (policy.subdomains) out["sp"] = to_string(*policy.subdomains);
  return out;
}

DmarcPolicy policy_from(const std::string& word) {
  for (const auto policy : {DmarcPolicy::kQuarantine, DmarcPolicy::kReject})
    if (word == to_string(policy)) return policy;
  return DmarcPolicy::kNone;
}

DmarcRecord policy_from(const Json& json) {
  DmarcRecord policy;
  policy.policy = policy_from(json.value("p", std::string()));
  if (json.contains("sp")) policy.subdomains = policy_from(json.value("sp", std::string()));
  policy.strict_dkim = json.value("adkim", std::string()) == "s";
  policy.strict_spf = json.value("aspf", std::string()) == "s";
  policy.percent = json.value("pct", 100U);
  policy.report_to = json.value("rua", std::vector<std::string>());
  return policy;
}

Json row_json(const ReportRow& row, std::uint64_t count) {
  Json out{{"source", row.source},         {"disposition", row.disposition},
           {"dkim", row.dkim_aligned},     {"spf", row.spf_aligned},
           {"reason", row.reason},         {"comment", row.comment},
           {"from", row.header_from},      {"envelope_from", row.envelope_from},
           {"spf_domain", row.spf_domain}, {"spf_scope", row.spf_scope},
           {"spf_result", row.spf_result}, {"count", count}};
  for (const ReportRow::Signature& one : row.signatures)
    out["signatures"].push_back({one.domain, one.selector, one.result});
  return out;
}

ReportRow row_from(const Json& json) {
  const auto text = [&](const char* key) { return json.value(key, std::string()); };
  ReportRow row;
  row.source = text("source");
  row.disposition = text("disposition");
  row.dkim_aligned = json.value("dkim", false);
  row.spf_aligned = json.value("spf", false);
  row.reason = text("reason");
  row.comment = text("comment");
  row.header_from = text("from");
  row.envelope_from = text("envelope_from");
  row.spf_domain = text("spf_domain");
  row.spf_scope = text("spf_scope");
  row.spf_result = text("spf_result");
  if (json.contains("signatures"))
    for (const Json& one : json.at("signatures"))
      row.signatures.push_back({one.at(0), one.at(1), one.at(2)});
  return row;
}

Json report_json(const DomainReport& report) {
  Json rows = Json::array();
  for (const auto& [row, count] : report.rows) rows.push_back(row_json(row, count));
  return {{"done", report.done},
          {"messages", report.messages},
          {"failures", report.failures},
          {"policy", policy_json(report.policy)},
          {"rows", rows}};
}

DomainReport report_from(const Json& json) {
  DomainReport report;
  report.done = json.value("done", false);
  report.messages = json.value("messages", std::uint64_t{0});
  report.failures = json.value("failures", std::uint64_t{0});
  report.policy = policy_from(json.at("policy"));
  for (const Json& row : json.at("rows"))
    report.rows[row_from(row)] += row.value("count", std::uint64_t{0});
  return report;
}

// Why less was done than the owner of the domain asked for (RFC 7489 appendix C, PolicyOverride).
void note_reason(const Finding& finding, ReportRow& row) {
  const DmarcVerdict& dmarc = *finding.verdicts.dmarc;
  if (dmarc.status != DmarcStatus::kFail) return;
  if (!finding.verdicts.override_reason.empty()) {
    row.reason = "trusted_forwarder";
    row.comment = safe(finding.verdicts.override_reason);
  } else if (dmarc.applied != dmarc.wanted) {
    row.reason = "sampled_out";
  } else if (row.disposition != to_string(dmarc.applied)) {
    row.reason = "local_policy";
  }
}

}  // namespace

ReportRow report_row(const Finding& finding) {
  const Verdicts& verdicts = finding.verdicts;
  const DmarcVerdict& dmarc = *verdicts.dmarc;
  ReportRow row;
  row.source = verdicts.client;
  row.disposition = finding.action == Action::kReject ? "reject"
                    : finding.action == Action::kJunk ? "quarantine"
                                                      : "none";
  row.dkim_aligned = dmarc.dkim_aligned;
  row.spf_aligned = dmarc.spf_aligned;
  row.header_from = dmarc.domain;
  row.envelope_from = safe(domain_of(verdicts.sender));
  if (verdicts.spf) {
    row.spf_domain = safe(ascii_lower(verdicts.spf->domain));
    row.spf_scope = verdicts.spf->of_helo ? "helo" : "mfrom";
    row.spf_result = to_string(verdicts.spf->result);
  }
  for (const DkimResult& one : verdicts.dkim.value_or(std::vector<DkimResult>()))
    row.signatures.push_back({one.domain, one.selector, std::string(to_string(one.status))});
  note_reason(finding, row);
  return row;
}

AggregateReports::AggregateReports(const Clock& clock, Options options)
    : clock_(clock), options_(std::move(options)), days_(options_.folder) {
  days_.read("dmarc_report.file_unreadable", [](const std::string& text) {
    transport::DayFiles<DomainReport>::Day day;
    const Json json = Json::parse(text);
    for (const auto& [name, stored] : json.at("domains").items()) day[name] = report_from(stored);
    return day;
  });
}

void AggregateReports::record(const Finding& finding) {
  if (!collecting_ || !finding.verdicts.dmarc) return;
  const DmarcVerdict& dmarc = *finding.verdicts.dmarc;
  const bool judged = dmarc.status == DmarcStatus::kPass || dmarc.status == DmarcStatus::kFail;
  if (!judged || dmarc.record.report_to.empty()) return;
  const std::string date = today();
  DomainReport* counted = days_.find_or_add(date, dmarc.owner, options_.domains_max);
  if (counted == nullptr) return;
  DomainReport& report = *counted;
  report.policy = dmarc.record;
  report.done = false;  // sent before its day had ended: the whole day is sent again
  ++report.messages;
  if (dmarc.status == DmarcStatus::kFail) ++report.failures;
  days_.changed(date);
  ReportRow row = report_row(finding);
  const auto known = report.rows.find(row);
  if (known != report.rows.end()) {
    ++known->second;
    return;
  }
  std::size_t day_rows = 0;
  for (const auto& [name, one] : days_.days().at(date)) day_rows += one.rows.size();
  if (report.rows.size() < options_.rows_max && day_rows < options_.day_rows_max)
    report.rows.emplace(std::move(row), 1);
}

std::string AggregateReports::today() const { return transport::date_of(clock_.now()); }

std::vector<std::string> AggregateReports::dates() const { return days_.dates(); }

std::vector<AggregateReports::Sum> AggregateReports::sums() const {
  std::vector<Sum> all;
  for (const auto& [date, day] : days_.days())
    for (const auto& [name, report] : day)
      all.push_back({date, name, report.messages, report.failures, report.done});
  return all;
}

std::vector<std::string> AggregateReports::open_domains(const std::string& date) const {
  return days_.open_domains(date);
}

const DomainReport* AggregateReports::find(const std::string& date,
                                           const std::string& domain) const {
  return days_.find(date, domain);
}

void AggregateReports::mark(const std::string& date, const std::string& domain) {
  days_.mark(date, domain);
}

void AggregateReports::forget_before(const std::string& date) { days_.forget_before(date); }

Result<> AggregateReports::save() {
  return days_.save([](const auto& day) {
    Json domains = Json::object();
    for (const auto& [name, report] : day) domains[name] = report_json(report);
    return Json{{"domains", domains}}.dump(-1, ' ', true, Json::error_handler_t::replace);
  });
}

}  // namespace hauspost::mailauth
