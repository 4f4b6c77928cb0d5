#include "tools/cli/doctor.h"

#include <algorithm>

#include "tools/cli/check_host.h"
#include "tools/cli/check_machine.h"
#include "tools/cli/check_server.h"
#include "tools/cli/check_zone.h"

namespace hauspost::cli {

namespace {

using ServerCheckFunction = Findings (*)(const DoctorFacts&);
using DomainCheckFunction = Findings (*)(const DoctorFacts&, const std::string&);

// Of the server: in the order of kChecks. "sync" is told with "disk".
constexpr std::pair<std::string_view, ServerCheckFunction> kServerChecks[] = {
    {"disk", check_disks},
    {"clock", check_clock},
    {"ports", check_ports},
    {"data-root", check_data_root_files},
    {"server", check_processes},
    {"databases", check_databases},
    {"backup", check_backups},
    {"queue", check_queues},
    {"connectors", check_connectors},
    {"recipients", check_recipients},
    {"certificate", check_certificates},
    {"host-name", check_host_name},
    {"addresses", check_addresses},
    {"listeners", check_listeners},
    {"reverse-dns", check_reverse_dns},
    {"resolver", check_resolver},
    {"outbound", check_outbound},
    {"tlsa", check_tlsa}};
constexpr std::pair<std::string_view, DomainCheckFunction> kDomainChecks[] = {
    {"mx", check_mx},           {"spf", check_spf},
    {"dkim", check_dkim},       {"dmarc", check_dmarc},
    {"mta-sts", check_mta_sts}, {"tls-rpt", check_tls_rpt},
    {"srv", check_srv},         {"discovery", check_discovery},
    {"caa", check_caa}};
// These say nothing without a server, which alone knows the host's names and addresses.
constexpr std::string_view kNeedServer[] = {"host-name", "addresses", "listeners", "reverse-dns",
                                            "resolver",  "outbound",  "tlsa"};

bool is_named(const std::vector<std::string>& all, std::string_view one) {
  return std::ranges::any_of(all, [&](const std::string& name) { return name == one; });
}

int badness_of(Verdict verdict) {
  if (verdict == Verdict::kFault) return 2;
  return verdict == Verdict::kWarning ? 1 : 0;
}

void take(Findings&& found, const std::vector<std::string>& only, Findings& out) {
  for (Finding& finding : found)
    if (only.empty() || is_named(only, finding.check)) out.push_back(std::move(finding));
}

}  // namespace

Findings examine(const DoctorFacts& facts, const std::vector<std::string>& only) {
  Findings out;
  for (const auto& [name, run] : kServerChecks) {
    const bool needs = std::ranges::find(kNeedServer, name) != std::end(kNeedServer);
    if (needs && !facts.running)
      take({not_seen(std::string(name), "", "the server does not run")}, only, out);
    else
      take(run(facts), only, out);
  }
  for (const std::string& domain : facts.zone.domains) {
    for (const auto& [name, run] : kDomainChecks) {
      if (facts.offline)
        take({skipped(std::string(name), domain, "not wanted offline")}, only, out);
      else
        take(run(facts, domain), only, out);
    }
  }
  return out;
}

Findings worst_of_each(const Findings& findings) {
  Findings out;
  for (const Finding& finding : findings) {
    if (finding.verdict == Verdict::kSkipped) continue;
    const auto same = std::ranges::find_if(out, [&](const Finding& one) {
      return one.check == finding.check && one.object == finding.object;
    });
    if (same == out.end())
      out.push_back(finding);
    else if (badness_of(finding.verdict) > badness_of(same->verdict))
      *same = finding;
  }
  return out;
}

std::vector<std::string> drift(const std::vector<Remembered>& before, const Findings& now) {
  std::vector<std::string> out;
  for (const Finding& finding : worst_of_each(now)) {
    const auto old = std::ranges::find_if(before, [&](const Remembered& one) {
      return one.check == finding.check && one.object == finding.object;
    });
    if (old == before.end() || old->verdict == Verdict::kSkipped || old->verdict == finding.verdict)
      continue;
    const std::string name =
        finding.object.empty() ? finding.check : finding.check + " " + finding.object;
    out.push_back(name + ": was " + std::string(verdict_word(old->verdict)) + " (" + old->text +
                  "), is now " + std::string(verdict_word(finding.verdict)) + " (" + finding.text +
                  ")");
  }
  return out;
}

std::string_view verdict_word(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGood: return "good";
    case Verdict::kWarning: return "warning";
    case Verdict::kFault: return "fault";
    case Verdict::kSkipped: return "skipped";
  }
  return "skipped";
}

}  // namespace hauspost::cli
