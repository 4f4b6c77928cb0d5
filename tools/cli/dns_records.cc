#include "tools/cli/dns_records.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/cli/table.h"
#include "transport/dns/message.h"

namespace hauspost::cli {

namespace {

constexpr std::size_t kTxtOctetsMax = 255;  // of one string, RFC 1035 section 3.3

struct SrvService {
  std::string_view listener;
  std::string_view name;
  std::string_view why;
};
// RFC 6186 section 3, RFC 8314 section 5.1. The better first.
constexpr SrvService kSrvServices[] = {
    {"imaps", "_imaps._tcp", "mail programs find IMAP under TLS"},
    {"imap", "_imap._tcp", "mail programs find IMAP with STARTTLS"},
    {"pop3s", "_pop3s._tcp", "mail programs find POP3 under TLS"},
    {"pop3", "_pop3._tcp", "mail programs find POP3 with STARTTLS"},
    {"submissions", "_submissions._tcp", "mail programs find where to send under TLS"},
    {"submission", "_submission._tcp", "mail programs find where to send with STARTTLS"}};

bool is_v6(const std::string& address) { return address.find(':') != std::string::npos; }

bool serves(const ZoneFacts& facts, std::string_view service) {
  return std::ranges::any_of(facts.ports,
                             [&](const ServedPort& port) { return port.service == service; });
}

bool lies_in(const std::string& name, const std::string& domain) {
  return name == domain || name.ends_with("." + domain);
}

void add_service_records(const ZoneFacts& facts, const std::string& domain,
                         std::vector<DnsRecord>& out) {
  for (const SrvService& service : kSrvServices) {
    for (const ServedPort& port : facts.ports) {
      if (port.service != service.listener) continue;
      out.push_back({fmt::format("{}.{}", service.name, domain), "SRV",
                     fmt::format("0 1 {} {}.", port.port, facts.hostname),
                     std::string(service.why)});
      break;
    }
  }
  if (!facts.web) return;
  for (const ServedPort& port : facts.ports) {
    if (port.service != "https") continue;
    out.push_back({"_autodiscover._tcp." + domain, "SRV",
                   fmt::format("0 0 {} {}.", port.port, facts.hostname),
                   "Outlook finds the server's settings"});
    break;
  }
}

void add_web_records(const ZoneFacts& facts, const std::string& domain,
                     std::vector<DnsRecord>& out) {
  if (!facts.web) return;
  const std::pair<std::string_view, std::string_view> hosts[] = {
      {"autoconfig", "Thunderbird finds the server's settings"},
      {"autodiscover", "Outlook finds the server's settings"}};
  for (const auto& [label, why] : hosts) {
    const std::string name = fmt::format("{}.{}", label, domain);
    if (name != facts.hostname)
      out.push_back({name, "CNAME", facts.hostname + ".", std::string(why)});
  }
}

void add_sts_records(const ZoneFacts& facts, const std::string& domain,
                     std::vector<DnsRecord>& out) {
  if (!announces_sts(facts)) return;
  if (const std::string name = "mta-sts." + domain; name != facts.hostname)
    out.push_back({name, "CNAME", facts.hostname + ".", "where the MTA-STS policy is served"});
  out.push_back({"_mta-sts." + domain, "TXT", fmt::format("v=STSv1; id={};", facts.sts.front().id),
                 "senders use TLS and check the certificate (MTA-STS)"});
}

}  // namespace

bool announces_sts(const ZoneFacts& facts) {
  return facts.web && !facts.sts.empty() && facts.sts.front().mode != "off";
}

std::string spf_value(const ZoneFacts& facts) {
  std::string out = "v=spf1 mx";
  for (const std::string& one : facts.spf) out += " " + one;
  return out + " -all";
}

std::string dmarc_value(const ZoneFacts& facts) {
  std::string out = "v=DMARC1; p=" + facts.dmarc_policy;
  if (!facts.dmarc_reports_to.empty()) out += "; rua=mailto:" + facts.dmarc_reports_to;
  return out;
}

std::vector<DnsRecord> host_records(const ZoneFacts& facts) {
  std::vector<DnsRecord> out;
  for (const std::string& address : facts.addresses)
    out.push_back(
        {facts.hostname, is_v6(address) ? "AAAA" : "A", address, "where this server is", true});
  // One name has one SPF record: where the host is a domain too, that of the domain.
  if (std::ranges::find(facts.domains, facts.hostname) == facts.domains.end())
    out.push_back({facts.hostname, "TXT", "v=spf1 a -all",
                   "the name that we say in EHLO is ours (SPF of HELO)"});
  if (facts.tlsa && !facts.key_digest.empty())
    out.push_back({"_25._tcp." + facts.hostname, "TLSA", "3 1 1 " + facts.key_digest,
                   "senders with DANE check our key; the zone must be signed"});
  const bool covered = std::ranges::any_of(
      facts.domains, [&](const std::string& domain) { return lies_in(facts.hostname, domain); });
  for (const std::string& authority : facts.authorities)
    if (!covered)
      out.push_back({facts.hostname, "CAA", fmt::format("0 issue \"{}\"", authority),
                     "nobody else may issue certificates"});
  for (const std::string& address : facts.addresses)
    if (const auto reverse = dns::reverse_name(address))
      out.push_back({*reverse, "PTR", facts.hostname + ".",
                     "set by who gave you the address; without it much mail is refused", true});
  return out;
}

std::vector<DnsRecord> domain_records(const ZoneFacts& facts, const std::string& domain) {
  std::vector<DnsRecord> out;
  out.push_back({domain, "MX", fmt::format("10 {}.", facts.hostname),
                 "mail for the domain comes here", true});
  out.push_back(
      {domain, "TXT", spf_value(facts), "only this server sends for the domain (SPF)", true});
  for (const DkimRecord& key : facts.dkim)
    if (key.domain == domain && key.state != "retired")
      out.push_back(
          {key.name, "TXT", key.value, "signatures of our mail can be checked (DKIM)", true});
  out.push_back({"_dmarc." + domain, "TXT", dmarc_value(facts),
                 "what others do with mail that only claims to be ours (DMARC)", true});
  if (!facts.tls_reports_to.empty())
    out.push_back({"_smtp._tls." + domain, "TXT", "v=TLSRPTv1; rua=mailto:" + facts.tls_reports_to,
                   "others report where TLS to us fails"});
  add_sts_records(facts, domain, out);
  add_web_records(facts, domain, out);
  add_service_records(facts, domain, out);
  for (const std::string& authority : facts.authorities)
    out.push_back({domain, "CAA", fmt::format("0 issue \"{}\"", authority),
                   "nobody else may issue certificates"});
  return out;
}

std::string quoted_text(const std::string& value) {
  std::string out;
  for (std::size_t at = 0; at == 0 || at < value.size(); at += kTxtOctetsMax) {
    out += out.empty() ? "\"" : " \"";
    for (const char c : std::string_view(value).substr(at, kTxtOctetsMax)) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out;
}

std::string zone_lines(const std::vector<DnsRecord>& records) {
  std::string out;
  std::string why;
  for (const DnsRecord& record : records) {
    if (record.why != why) out += fmt::format("; {}\n", record.why);
    why = record.why;
    const std::string value = record.type == "TXT" ? quoted_text(record.value) : record.value;
    // Not in a zone of ours: a hint.
    out += fmt::format("{}{}. IN {} {}\n", record.type == "PTR" ? "; " : "", record.name,
                       record.type, value);
  }
  return out;
}

std::string records_table(const std::string& title, const std::vector<DnsRecord>& records) {
  // Never cut: what is shown is copied elsewhere.
  Table table({{"NAME"}, {"TYPE"}, {"VALUE"}});
  for (const DnsRecord& record : records) table.add({record.name, record.type, record.value});
  return title + "\n\n" + table.render(0);
}

std::vector<std::string> certificate_names(const ZoneFacts& facts) {
  std::vector<std::string> out{facts.hostname};
  const auto add = [&](std::string name) {
    if (std::ranges::find(out, name) == out.end()) out.push_back(std::move(name));
  };
  if (!facts.web || !serves(facts, "https")) return out;
  for (const std::string& domain : facts.domains) {
    add("autoconfig." + domain);
    add("autodiscover." + domain);
    if (announces_sts(facts)) add("mta-sts." + domain);
  }
  return out;
}

}  // namespace hauspost::cli
