#include "tools/cli/setup_report.h"

#include <fmt/format.h>

#include <set>

#include "base/text.h"
#include "tools/cli/doctor_report.h"
#include "tools/cli/table.h"
#include "tools/cli/zone_facts.h"

namespace hauspost::cli {

namespace {

Json steps_json(const SetupReport& report) {
  Json out = Json::array();
  for (const SetupReport::Step& one : report.steps)
    out.push_back({{"step", one.step.text},
                   {"object", one.step.object},
                   {"done", one.done},
                   {"note", one.note}});
  return out;
}

Json setup_records_json(const std::vector<DnsRecord>& records) {
  Json out = Json::array();
  for (const DnsRecord& record : records)
    out.push_back({{"name", record.name}, {"type", record.type}, {"value", record.value}});
  return out;
}

// Every record, for people and as JSON; nothing of a private box.
Outcome<Json> tell_records(Context& context, bool private_box) {
  Json out = Json::array();
  if (private_box) return out;
  TRY_ASSIGN(const ZoneFacts facts, zone_facts(context));
  const auto hosts = host_records(facts);
  out = setup_records_json(hosts);
  context.say(
      "Publish these records in the DNS (again at any time: hauspost dns records --zone)\n");
  context.say(records_table("Host " + facts.hostname, hosts));
  for (const std::string& domain : facts.domains) {
    const auto records = domain_records(facts, domain);
    for (Json& one : setup_records_json(records)) out.push_back(std::move(one));
    context.say(records_table("Domain " + domain, records));
  }
  return out;
}

std::string program_name(const std::string& service) {
  if (service.starts_with("imap")) return "read (IMAP)";
  if (service.starts_with("pop3")) return "read (POP3)";
  return "send (SMTP)";
}

Outcome<Json> tell_client_settings(Context& context, const std::string& mailbox, bool web) {
  admin::ClientSettingsRequest request;
  request.set_name(mailbox);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json out = Json::array();
  Table table({{"TO"}, {"SERVER"}, {"PORT", true}, {"SECURITY"}, {"USER"}});
  std::set<std::string> shown;  // what holds inside mostly holds outside, too
  for (const auto& one : reply.settings()) {
    if (!one.available()) continue;
    out.push_back(to_json(one));
    if (!shown.insert(fmt::format("{} {}:{}", one.service(), one.host(), one.port())).second) continue;
    table.add({program_name(one.service()), one.host(), std::to_string(one.port()),
               one.encryption(), mailbox.empty() ? "the whole address" : printable(one.user())});
  }
  if (table.empty()) return out;
  context.say(
      "What to type into Thunderbird, Outlook, an iPhone or Android; the first that fits\n");
  context.say(table.render(terminal_width()));
  if (web)
    context.say(
        "With the records of the DNS in place, Thunderbird needs the address and the password "
        "alone.\n");
  return out;
}

Outcome<> problems_outcome(const Findings& findings) {
  const std::size_t faults = count_of(findings, Verdict::kFault);
  if (faults == 0) return {};
  return partial(
      fmt::format("{} {} will not work yet; correct what stands above, then: hauspost "
                  "doctor",
                  faults, faults == 1 ? "thing" : "things"));
}

}  // namespace

Outcome<> print_setup_plan(Context& context, const SetupReport& report) {
  context.print({{"data_root", report.root}, {"dry_run", true}, {"steps", steps_json(report)}});
  context.say("Nothing was done.");
  return {};
}

Outcome<> finish_setup(Context& context, const SetupReport& report) {
  // First: when something behind it fails, nobody can tell it again.
  if (!report.password.empty())
    context.say(fmt::format("The password of {} is {}  (it is not shown again)\n", report.mailbox,
                            report.password));
  TRY_ASSIGN(const auto setup, context.ask(admin::SetupShowRequest{}));
  TRY_ASSIGN(const auto status, context.ask(admin::StatusRequest{}));
  bool web = false;
  for (const auto& service : status.services()) web |= service.name() == "web" && service.enabled();
  TRY_ASSIGN(const Json records, tell_records(context, setup.settings().private_box()));
  TRY_ASSIGN(const Json settings, tell_client_settings(context, report.mailbox, web));
  Json out = {{"data_root", report.root},    {"hostname", status.hostname()},
              {"steps", steps_json(report)}, {"mailbox", report.mailbox},
              {"dns_records", records},      {"client_settings", settings}};
  if (!report.password.empty()) out["password"] = report.password;
  TRY_ASSIGN(const DoctorFacts facts, gather_facts(context, {}));
  const Findings findings = examine(facts, {});
  Json problems = Json::array();
  for (const Finding& one : findings)
    if (one.verdict == Verdict::kFault || one.verdict == Verdict::kWarning)
      problems.push_back(finding_json(one));
  out["problems"] = problems;
  context.print(out);
  const std::string text = problems_text(findings);
  context.say(text.empty() ? "Everything works."
                           : "What will not work yet, or wants a look\n\n" + text);
  return problems_outcome(findings);
}

}  // namespace hauspost::cli
