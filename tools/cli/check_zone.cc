#include "tools/cli/check_zone.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "tools/cli/check_host.h"
#include "tools/cli/table.h"
#include "transport/dns/sts_policy.h"

namespace hauspost::cli {

namespace {

using dns::RecordType;

bool unanswered(const dns::Answer<std::string>& answer) {
  return answer.outcome == dns::Outcome::kTemporary;
}

Finding no_answer(std::string check, const std::string& name) {
  return not_seen(std::move(check), name, "the DNS does not answer");
}

std::string to_publish(const std::string& name, std::string_view type, const std::string& value) {
  return fmt::format("publish: {}. IN {} {}", name, type,
                     type == "TXT" ? quoted_text(value) : value);
}

std::vector<std::string> beginning_with(const dns::Answer<std::string>& answer,
                                        std::string_view start) {
  std::vector<std::string> out;
  for (const std::string& record : answer.records)
    if (istarts_with(record, start)) out.push_back(record);
  return out;
}

const DnsRecord* wanted_record(const std::vector<DnsRecord>& records, std::string_view name,
                               std::string_view type) {
  const auto at = std::ranges::find_if(
      records, [&](const DnsRecord& one) { return one.name == name && one.type == type; });
  return at == records.end() ? nullptr : &*at;
}

std::string without_spaces(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (c != ' ' && c != '\t') out += c;
  return out;
}

Finding dkim_finding(const DoctorFacts& facts, const DkimRecord& key) {
  const auto& answer = facts.dns.of(key.name, RecordType::kTxt);
  if (unanswered(answer)) return no_answer("dkim", key.name);
  const bool signs = key.state == "active";
  const auto wanted = record_tags(key.value);
  const std::string remedy = to_publish(key.name, "TXT", key.value);
  const Verdict bad = signs ? Verdict::kFault : Verdict::kWarning;
  const std::string why = signs ? "others find our signatures to be wrong, and take mail for forged"
                                : "mail is not signed until it is there";
  if (!answer.found())
    return {"dkim", key.name, bad, fmt::format("the record of key {} is not there", key.selector),
            why,    remedy};
  for (const std::string& record : answer.records) {
    const auto found = record_tags(record);
    const auto key_of = [](const auto& tags) {
      const auto at = tags.find("p");
      return at == tags.end() ? std::string() : at->second;
    };
    if (!key_of(found).empty() && key_of(found) == key_of(wanted))
      return good("dkim", key.name, fmt::format("is key {} ({})", key.selector, key.state));
  }
  return {"dkim", key.name, bad, fmt::format("the published key differs from key {}", key.selector),
          why,    remedy};
}

// A service whose port is served; the first in records is the one to publish.
Finding srv_finding(const DoctorFacts& facts, const DnsRecord& record) {
  const auto& answer = facts.dns.of(record.name, RecordType::kSrv);
  if (unanswered(answer)) return no_answer("srv", record.name);
  if (!answer.found())
    return {"srv",
            record.name,
            Verdict::kWarning,
            "there is no SRV record",
            "mail programs do not find the service by themselves",
            to_publish(record.name, "SRV", record.value)};
  const auto fields = split(record.value, ' ');
  for (const std::string& raw : answer.records) {
    const auto srv = dns::srv_from(raw);
    if (srv && fields.size() == 4 && std::to_string(srv->port) == fields[2] &&
        srv->host + "." == fields[3])
      return good("srv", record.name, fmt::format("{}:{}", srv->host, srv->port));
  }
  return {"srv",
          record.name,
          Verdict::kFault,
          fmt::format("says {}", shown_records(answer, RecordType::kSrv)),
          "mail programs are sent elsewhere",
          to_publish(record.name, "SRV", record.value)};
}

Finding web_host_finding(const DoctorFacts& facts, std::string check, const std::string& name,
                         const std::string& why) {
  std::string found;
  for (const RecordType type : {RecordType::kA, RecordType::kAaaa}) {
    const auto& answer = facts.dns.of(name, type);
    if (type == RecordType::kA && unanswered(answer)) return no_answer(std::move(check), name);
    for (const std::string& address : answer.records) {
      found += (found.empty() ? "" : ", ") + address;
      if (std::ranges::find(facts.zone.addresses, address) != facts.zone.addresses.end())
        return good(std::move(check), name, "leads here");
    }
  }
  const std::string remedy = to_publish(name, "CNAME", facts.zone.hostname + ".");
  if (found.empty())
    return {std::move(check), name, Verdict::kWarning, "there is no such name", why, remedy};
  return {std::move(check),
          name,
          Verdict::kFault,
          fmt::format("leads to {}, which is not this server", found),
          why,
          remedy};
}

// The records that hold for `name`: its own, or those of the nearest name above (RFC 8659 section
// 3).
const dns::Answer<std::string>* caa_of(const DnsFacts& dns, std::string name) {
  for (;;) {
    const auto& answer = dns.of(name, RecordType::kCaa);
    if (answer.found()) return &answer;
    const auto dot = name.find('.');
    if (dot == std::string::npos || name.find('.', dot + 1) == std::string::npos) return nullptr;
    name = name.substr(dot + 1);
  }
}

bool may_issue(const dns::Answer<std::string>& answer, std::string_view authority) {
  bool any = false;
  for (const std::string& raw : answer.records) {
    const auto caa = dns::caa_from(raw);
    if (!caa || caa->tag != "issue") continue;
    any = true;
    const auto name = trim(std::string_view(caa->value).substr(0, caa->value.find(';')));
    if (iequals(name, authority)) return true;
  }
  return !any;
}

}  // namespace

std::map<std::string, std::string> record_tags(std::string_view record) {
  std::map<std::string, std::string> out;
  for (const std::string_view part : split(record, ';')) {
    const auto equals = part.find('=');
    if (equals == std::string_view::npos) continue;
    out.emplace(ascii_lower(without_spaces(part.substr(0, equals))),
                without_spaces(part.substr(equals + 1)));
  }
  return out;
}

Findings check_mx(const DoctorFacts& facts, const std::string& domain) {
  const auto& answer = facts.dns.of(domain, RecordType::kMx);
  if (unanswered(answer)) return {no_answer("mx", domain)};
  const std::string remedy = to_publish(domain, "MX", "10 " + facts.zone.hostname + ".");
  bool ours = false;
  std::string others;
  for (const std::string& raw : answer.records) {
    const auto mx = dns::mx_from(raw);
    if (mx && mx->host == facts.zone.hostname)
      ours = true;
    else
      others += (others.empty() ? "" : ", ") + printable(dns::record_text(RecordType::kMx, raw));
  }
  if (!ours)
    return {{"mx", domain, Verdict::kFault,
             answer.found() ? fmt::format("MX says {}, not {}", others, facts.zone.hostname)
                            : std::string("there is no MX record"),
             "mail for the domain does not come here", remedy}};
  const bool alias = !facts.dns.of(facts.zone.hostname, RecordType::kA).canonical.empty();
  if (alias)
    return {{"mx", domain, Verdict::kFault,
             fmt::format("MX names {}, which is an alias (CNAME)", facts.zone.hostname),
             "some servers do not deliver to an alias (RFC 2181 section 10.3)",
             "give the host name an A record of its own"}};
  if (!others.empty())
    return {{"mx", domain, Verdict::kWarning, fmt::format("MX names others too: {}", others),
             "part of the mail goes there", "remove them, unless they pass mail on to us"}};
  return {good("mx", domain, "mail comes to " + facts.zone.hostname)};
}

Findings check_spf(const DoctorFacts& facts, const std::string& domain) {
  const auto& answer = facts.dns.of(domain, RecordType::kTxt);
  if (unanswered(answer)) return {no_answer("spf", domain)};
  const auto records = beginning_with(answer, "v=spf1");
  const std::string remedy = to_publish(domain, "TXT", spf_value(facts.zone));
  if (records.empty())
    return {{"spf", domain, Verdict::kFault, "there is no SPF record",
             "anybody may send for the domain, and many refuse our mail", remedy}};
  if (records.size() > 1)
    return {{"spf", domain, Verdict::kFault,
             fmt::format("there are {} SPF records", records.size()),
             "others take that for an error", "leave one; " + remedy}};
  for (const SpfFacts& one : facts.dns.spf) {
    if (one.domain != domain || one.result == mailauth::SpfResult::kPass) continue;
    if (one.result == mailauth::SpfResult::kTempError) return {no_answer("spf", domain)};
    return {{"spf", domain, Verdict::kFault,
             fmt::format("{} may not send: SPF says {} ({})", one.address,
                         mailauth::to_string(one.result), printable(records.front())),
             "others refuse our mail or take it for spam", remedy}};
  }
  return {good("spf", domain, printable(records.front()))};
}

Findings check_dkim(const DoctorFacts& facts, const std::string& domain) {
  Findings out;
  for (const DkimRecord& key : facts.zone.dkim) {
    if (key.domain != domain || key.state == "retired") continue;
    out.push_back(dkim_finding(facts, key));
    const bool published = out.back().verdict == Verdict::kGood;
    if (published && key.state == "staged")
      out.push_back({"dkim", key.name, Verdict::kWarning,
                     fmt::format("key {} is published and does not sign", key.selector),
                     "mail is not signed",
                     fmt::format("hauspost dkim activate {} {}", domain, key.selector)});
  }
  if (out.empty())
    out.push_back({"dkim", domain, Verdict::kWarning, "mail of the domain is not signed",
                   "large providers take it for spam", "hauspost dkim create " + domain});
  return out;
}

Findings check_dmarc(const DoctorFacts& facts, const std::string& domain) {
  const std::string name = "_dmarc." + domain;
  const auto& answer = facts.dns.of(name, RecordType::kTxt);
  if (unanswered(answer)) return {no_answer("dmarc", name)};
  const auto records = beginning_with(answer, "v=DMARC1");
  const std::string remedy = to_publish(name, "TXT", dmarc_value(facts.zone));
  if (records.size() != 1)
    return {{"dmarc", name, Verdict::kFault,
             records.empty() ? std::string("there is no DMARC record")
                             : fmt::format("there are {} DMARC records", records.size()),
             "large providers refuse mail of domains without one", remedy}};
  const auto found = record_tags(records.front());
  const auto wanted = record_tags(dmarc_value(facts.zone));
  const auto tag = [](const auto& tags, const std::string& key) {
    const auto at = tags.find(key);
    return at == tags.end() ? std::string() : ascii_lower(at->second);
  };
  if (tag(found, "p") != tag(wanted, "p"))
    return {{"dmarc", name, Verdict::kWarning,
             fmt::format("the policy is {}, and {} was set up", printable(tag(found, "p")),
                         tag(wanted, "p")),
             "others do something else with forged mail than was wanted", remedy}};
  return {good("dmarc", name, printable(records.front()))};
}

Findings check_mta_sts(const DoctorFacts& facts, const std::string& domain) {
  const std::string name = "_mta-sts." + domain;
  const auto& answer = facts.dns.of(name, RecordType::kTxt);
  const bool wanted = announces_sts(facts.zone);
  if (unanswered(answer)) return {no_answer("mta-sts", name)};
  const auto id = dns::sts_id(answer.records);
  if (!wanted && !id) return {skipped("mta-sts", name, "not wanted")};
  if (!wanted)
    return {{"mta-sts", name, Verdict::kFault, "a policy is announced, and none is served here",
             "senders look for it in vain",
             "remove the record, or serve a policy: hauspost web "
             "set --mta-sts testing"}};
  const StsFacts& sts = facts.zone.sts.front();
  const std::string remedy = to_publish(name, "TXT", fmt::format("v=STSv1; id={};", sts.id));
  if (!id)
    return {{"mta-sts", name, Verdict::kWarning, "the policy that is served is not announced",
             "nobody follows it", remedy}};
  Findings out;
  if (*id != sts.id)
    out.push_back(
        {"mta-sts", name, Verdict::kFault,
         fmt::format("announces id {}, and the policy has changed to {}", printable(*id), sts.id),
         "senders go on with the old policy, and may refuse to deliver", remedy});
  else
    out.push_back(good("mta-sts", name, fmt::format("announces the policy ({})", sts.mode)));
  out.push_back(
      web_host_finding(facts, "mta-sts", "mta-sts." + domain, "senders do not find the policy"));
  return out;
}

Findings check_tls_rpt(const DoctorFacts& facts, const std::string& domain) {
  const std::string name = "_smtp._tls." + domain;
  const auto records = domain_records(facts.zone, domain);
  const DnsRecord* wanted = wanted_record(records, name, "TXT");
  if (wanted == nullptr) return {skipped("tls-rpt", name, "not wanted")};
  const auto& answer = facts.dns.of(name, RecordType::kTxt);
  if (unanswered(answer)) return {no_answer("tls-rpt", name)};
  const auto found = beginning_with(answer, "v=TLSRPTv1");
  const std::string remedy = to_publish(name, "TXT", wanted->value);
  if (found.empty())
    return {{"tls-rpt", name, Verdict::kWarning, "there is no record",
             "nobody tells when TLS to us fails", remedy}};
  if (record_tags(found.front()) != record_tags(wanted->value))
    return {{"tls-rpt", name, Verdict::kWarning, "says " + printable(found.front()),
             "reports go elsewhere", remedy}};
  return {good("tls-rpt", name, printable(found.front()))};
}

Findings check_srv(const DoctorFacts& facts, const std::string& domain) {
  Findings out;
  for (const DnsRecord& record : domain_records(facts.zone, domain))
    if (record.type == "SRV") out.push_back(srv_finding(facts, record));
  if (out.empty()) out.push_back(skipped("srv", domain, "no service is on"));
  return out;
}

Findings check_discovery(const DoctorFacts& facts, const std::string& domain) {
  if (!facts.zone.web) return {skipped("discovery", domain, "service web is off")};
  Findings out;
  for (const DnsRecord& record : domain_records(facts.zone, domain)) {
    const bool ours =
        record.name == "autoconfig." + domain || record.name == "autodiscover." + domain;
    if (record.type == "CNAME" && ours)
      out.push_back(web_host_finding(facts, "discovery", record.name,
                                     "mail programs do not set themselves up"));
  }
  return out;
}

Findings check_caa(const DoctorFacts& facts, const std::string& domain) {
  if (facts.zone.authorities.empty()) return {skipped("caa", domain, "not wanted")};
  if (unanswered(facts.dns.of(domain, RecordType::kCaa))) return {no_answer("caa", domain)};
  const auto* found = caa_of(facts.dns, domain);
  const std::string wanted = fmt::format("0 issue \"{}\"", facts.zone.authorities.front());
  if (found == nullptr)
    return {{"caa", domain, Verdict::kWarning, "there is no CAA record",
             "any authority may issue certificates for it", to_publish(domain, "CAA", wanted)}};
  for (const std::string& authority : facts.zone.authorities) {
    if (may_issue(*found, authority)) continue;
    return {{"caa", domain, Verdict::kFault,
             fmt::format("{} may not issue certificates: {}", authority,
                         shown_records(*found, RecordType::kCaa)),
             "the certificate cannot be renewed",
             to_publish(domain, "CAA", fmt::format("0 issue \"{}\"", authority))}};
  }
  return {good("caa", domain, shown_records(*found, RecordType::kCaa))};
}

std::vector<DnsQuestion> zone_questions(const ZoneFacts& facts) {
  std::vector<DnsQuestion> out;
  const auto add = [&](std::string name, RecordType type) {
    const DnsQuestion question{std::move(name), type};
    if (std::ranges::find(out, question) == out.end()) out.push_back(question);
  };
  for (const RecordType type : {RecordType::kA, RecordType::kAaaa}) add(facts.hostname, type);
  add("_25._tcp." + facts.hostname, RecordType::kTlsa);
  for (const std::string& address : facts.addresses)
    if (const auto reverse = dns::reverse_name(address)) add(*reverse, RecordType::kPtr);
  for (const std::string& domain : facts.domains) {
    add(domain, RecordType::kMx);
    add(domain, RecordType::kTxt);
    for (const std::string_view label : {"_dmarc", "_mta-sts", "_smtp._tls"})
      add(fmt::format("{}.{}", label, domain), RecordType::kTxt);
    for (const DkimRecord& key : facts.dkim)
      if (key.domain == domain) add(key.name, RecordType::kTxt);
    for (const DnsRecord& record : domain_records(facts, domain)) {
      if (record.type == "SRV") add(record.name, RecordType::kSrv);
      if (record.type != "CNAME") continue;
      add(record.name, RecordType::kA);
      add(record.name, RecordType::kAaaa);
    }
    for (std::string name = domain; name.find('.') != std::string::npos;
         name = name.substr(name.find('.') + 1))
      add(name, RecordType::kCaa);
  }
  return out;
}

}  // namespace hauspost::cli
