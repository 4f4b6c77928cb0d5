// Aggregate reports as XML: the schema of RFC 7489 appendix C.
#include "base/text.h"
#include "transport/authentication/aggregate_reports.h"
#include "transport/dns/tls_reports.h"

namespace hauspost::mailauth {

namespace {

class Xml {
 public:
  Xml() : out_("<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n") {}

  void open(std::string_view name) {
    indent();
    out_.append("<").append(name).append(">\n");
    names_.emplace_back(name);
  }
  void close() {
    const std::string name = std::move(names_.back());
    names_.pop_back();
    indent();
    out_.append("</").append(name).append(">\n");
  }
  void leaf(std::string_view name, std::string_view text) {
    indent();
    out_.append("<").append(name).append(">");
    escape(text);
    out_.append("</").append(name).append(">\n");
  }
  void leaf(std::string_view name, std::uint64_t number) { leaf(name, std::to_string(number)); }
  std::string take() { return std::move(out_); }

 private:
  void indent() { out_.append(2 * names_.size(), ' '); }
  void escape(std::string_view text) {
    const std::string whole = is_valid_utf8(text) ? std::string(text) : escape_for_log(text);
    for (const char c : whole) {
      switch (c) {
        case '&': out_ += "&amp;"; break;
        case '<': out_ += "&lt;"; break;
        case '>': out_ += "&gt;"; break;
        default: out_ += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
      }
    }
  }

  std::string out_;
  std::vector<std::string> names_;
};

void add_metadata(Xml& xml, const std::string& date, const ReportIdentity& identity) {
  const dns::DayRange range = dns::day_range(date);
  xml.open("report_metadata");
  xml.leaf("org_name", identity.organization);
  xml.leaf("email", identity.contact);
  xml.leaf("report_id", identity.report_id);
  xml.open("date_range");
  xml.leaf("begin", static_cast<std::uint64_t>(range.begin_s));
  xml.leaf("end", static_cast<std::uint64_t>(range.end_s));
  xml.close();
  xml.close();
}

void add_policy(Xml& xml, const std::string& domain, const DmarcRecord& policy) {
  xml.open("policy_published");
  xml.leaf("domain", domain);
  xml.leaf("adkim", policy.strict_dkim ? "s" : "r");
  xml.leaf("aspf", policy.strict_spf ? "s" : "r");
  xml.leaf("p", to_string(policy.policy));
  xml.leaf("sp", to_string(policy.subdomains.value_or(policy.policy)));
  xml.leaf("pct", policy.percent);
  xml.close();
}

void add_row(Xml& xml, const ReportRow& row, std::uint64_t count) {
  xml.open("row");
  xml.leaf("source_ip", row.source);
  xml.leaf("count", count);
  xml.open("policy_evaluated");
  xml.leaf("disposition", row.disposition);
  xml.leaf("dkim", row.dkim_aligned ? "pass" : "fail");
  xml.leaf("spf", row.spf_aligned ? "pass" : "fail");
  if (!row.reason.empty()) {
    xml.open("reason");
    xml.leaf("type", row.reason);
    if (!row.comment.empty()) xml.leaf("comment", row.comment);
    xml.close();
  }
  xml.close();
  xml.close();
}

void add_results(Xml& xml, const ReportRow& row) {
  xml.open("auth_results");
  for (const ReportRow::Signature& one : row.signatures) {
    xml.open("dkim");
    xml.leaf("domain", one.domain);
    xml.leaf("selector", one.selector);
    xml.leaf("result", one.result);
    xml.close();
  }
  if (!row.spf_result.empty()) {
    xml.open("spf");
    xml.leaf("domain", row.spf_domain);
    xml.leaf("scope", row.spf_scope);
    xml.leaf("result", row.spf_result);
    xml.close();
  }
  xml.close();
}

}  // namespace

std::string report_xml(const std::string& date, const std::string& domain,
                       const DomainReport& report, const ReportIdentity& identity) {
  Xml xml;
  xml.open("feedback");
  xml.leaf("version", "1.0");
  add_metadata(xml, date, identity);
  add_policy(xml, domain, report.policy);
  for (const auto& [row, count] : report.rows) {
    xml.open("record");
    add_row(xml, row, count);
    xml.open("identifiers");
    xml.leaf("envelope_from", row.envelope_from);
    xml.leaf("header_from", row.header_from);
    xml.close();
    add_results(xml, row);
    xml.close();
  }
  xml.close();
  return xml.take();
}

}  // namespace hauspost::mailauth
