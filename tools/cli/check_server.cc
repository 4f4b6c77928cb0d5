#include "tools/cli/check_server.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/tls/certificate_facts.h"
#include "server/child/frontend.pb.h"
#include "tools/cli/json.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

constexpr std::int64_t kDay = 24LL * 3600;
constexpr std::int64_t kExpiryWarning = 14 * kDay;
constexpr std::uint32_t kFailuresWarning = 3;

Finding not_running(std::string check) {
  return not_seen(std::move(check), "", "the server does not run");
}

Finding backup_finding(const DoctorFacts& facts, const admin::Database& database) {
  const std::string remedy = fmt::format(
      "hauspost database backup {} DIR, every night", database.name());
  const std::int64_t since =
      database.last_backup_s() != 0 ? database.last_backup_s() : database.created_s();
  const std::int64_t age = facts.now_s - since;
  const std::string text =
      database.last_backup_s() == 0
          ? std::string("has never been backed up")
          : fmt::format("was backed up {} ago", human_seconds(std::max<std::int64_t>(age, 0)));
  if (age > facts.limits.backup_age_s_most)
    return {"backup",
            database.name(),
            Verdict::kFault,
            text,
            "mail that came since is lost with the disk",
            remedy};
  if (database.last_backup_s() == 0)
    return {"backup",
            database.name(),
            Verdict::kWarning,
            text + "; it is new",
            "its mail is lost with the disk",
            remedy};
  return good("backup", database.name(), text);
}

Finding date_finding(const DoctorFacts& facts, const child::wire::Certificate& one) {
  const std::string& file = one.certificate_file();
  const std::string remedy =
      "put the new one in its place, then: hauspost certificate reload; or let it renew itself: "
      "hauspost certificate acme enable";
  if (!one.in_use())
    return {"certificate",     file,
            Verdict::kFault,   printable(one.error()),
            "it is not shown", "correct the file, then: hauspost certificate reload"};
  if (one.not_after_s() <= facts.now_s)
    return {"certificate",
            file,
            Verdict::kFault,
            fmt::format("has expired on {}", human_time(one.not_after_s())),
            "mail programs refuse to connect",
            remedy};
  if (one.not_before_s() > facts.now_s)
    return {"certificate",
            file,
            Verdict::kFault,
            fmt::format("is good only from {}", human_time(one.not_before_s())),
            "mail programs refuse to connect",
            "is the clock right? else " + remedy};
  if (!one.error().empty())
    return {"certificate",
            file,
            Verdict::kWarning,
            printable(one.error()),
            "the file has changed for the worse; what was there before is still shown",
            "correct it, then: hauspost certificate reload"};
  if (one.not_after_s() - facts.now_s < kExpiryWarning)
    return {"certificate",
            file,
            Verdict::kWarning,
            fmt::format("expires on {}", human_time(one.not_after_s())),
            "mail programs refuse to connect from then on",
            remedy};
  if (one.self_issued() && !facts.offline)
    return {"certificate",
            file,
            Verdict::kWarning,
            "is signed by itself",
            "mail programs ask every user whether to trust it, phones and Outlook refuse",
            "get one of an authority: hauspost certificate acme enable, or certificate add"};
  return good("certificate", file, fmt::format("is good until {}", human_time(one.not_after_s())));
}

}  // namespace

Findings check_data_root_files(const DoctorFacts& facts) {
  if (!facts.data_root_error.empty())
    return {{"data-root", facts.data_root, Verdict::kFault, printable(facts.data_root_error),
             "the server does not start", "correct what it says"}};
  if (facts.running && facts.status.version() != facts.program_version)
    return {{"data-root", facts.data_root, Verdict::kWarning,
             fmt::format("the server that runs is {}, and this program {}", facts.status.version(),
                         facts.program_version),
             "the new version is not in use yet", "restart it: systemctl restart hauspost"}};
  return {good(
      "data-root", facts.data_root,
      fmt::format("format {}, version {}", supervisor::kDataRootFormat, facts.program_version))};
}

Findings check_processes(const DoctorFacts& facts) {
  if (!facts.running)
    return {{"server", "", Verdict::kFault, printable(facts.not_running_because),
             "there is no mail service",
             "start it: systemctl start hauspost, or hauspostd --data " + facts.data_root}};
  Findings out;
  for (const admin::Process& process : facts.status.processes()) {
    const bool well = process.state() == admin::PROCESS_STATE_RUNNING;
    if (well) continue;
    out.push_back({"server", process.name(), Verdict::kFault,
                   fmt::format("is {}{}{}", state_word(process.state()),
                               process.last_death().empty() ? "" : "; it died of ",
                               printable(process.last_death())),
                   "what it does is not done", "see the log, and: hauspost status"});
  }
  if (out.empty())
    out.push_back(
        good("server", "", fmt::format("{} processes run", facts.status.processes_size())));
  return out;
}

Findings check_databases(const DoctorFacts& facts) {
  if (!facts.running) return {not_running("databases")};
  Findings out;
  for (const admin::Database& database : facts.status.databases()) {
    if (database.recovery()) continue;
    if (database.state() == admin::DATABASE_STATE_MOUNTED) {
      out.push_back(good("databases", database.name(), "is mounted"));
      continue;
    }
    out.push_back(
        {"databases", database.name(), Verdict::kFault,
         fmt::format("is {}{}{}", state_word(database.state()),
                     database.problem().empty() ? "" : ": ", printable(database.problem())),
         "its users cannot read, and their mail waits in the queue",
         "hauspost database mount " + database.name()});
  }
  if (out.empty())
    out.push_back({"databases", "", Verdict::kFault, "there is no database",
                   "there is no room for mailboxes", "hauspost database create DB1"});
  return out;
}

Findings check_backups(const DoctorFacts& facts) {
  if (!facts.running) return {not_running("backup")};
  Findings out;
  for (const admin::Database& database : facts.status.databases())
    if (!database.recovery()) out.push_back(backup_finding(facts, database));
  return out;
}

Findings check_queues(const DoctorFacts& facts) {
  if (!facts.running) return {not_running("queue")};
  Findings out;
  std::uint64_t items = 0;
  for (const QueueFacts& queue : facts.queues) {
    items += queue.items;
    if (queue.items == 0) continue;
    const std::string text =
        fmt::format("{} {} in {}", queue.items,
                    queue.items == 1 ? "message waits" : "messages wait", printable(queue.name));
    const std::string look = "hauspost queue show, and hauspost queue retry";
    if (queue.name == "Unreachable")
      out.push_back({"queue", queue.name, Verdict::kFault, text, "nothing takes them away",
                     "make a send connector: hauspost connector send create"});
    else if (queue.state == "suspended")
      out.push_back({"queue", queue.name, Verdict::kWarning, text + "; it is suspended",
                     "they wait until it is resumed", "hauspost queue resume " + queue.name});
    else if (queue.failures >= kFailuresWarning)
      out.push_back({"queue", queue.name, Verdict::kWarning,
                     fmt::format("{}: {}", text, printable(queue.last_error)),
                     "they are returned after two days", look});
  }
  if (out.empty()) out.push_back(good("queue", "", fmt::format("{} under way", items)));
  return out;
}

Findings check_connectors(const DoctorFacts& facts) {
  if (!facts.running) return {not_running("connectors")};
  const bool any = std::ranges::any_of(
      facts.connectors, [](const admin::SendConnector& one) { return one.enabled(); });
  if (any) return {good("connectors", "", "mail for elsewhere has a way out")};
  if (facts.offline)
    return {skipped("connectors", "", "no send connector; none is wanted offline")};
  return {{"connectors", "", Verdict::kWarning, "there is no send connector that is enabled",
           "mail for elsewhere waits",
           "hauspost connector send create Internet --address-space '*'"}};
}

Findings check_recipients(const DoctorFacts& facts) {
  if (!facts.running) return {not_running("recipients")};
  Findings out;
  for (const std::string& address : facts.nobodys)
    out.push_back({"recipients", address, Verdict::kWarning, "nobody has this address",
                   "who has trouble with our mail cannot say so (RFC 2142)",
                   "hauspost setup --unattended --administrator ADDRESS"});
  if (out.empty()) out.push_back(good("recipients", "", "somebody reads postmaster and abuse"));
  return out;
}

Findings check_certificates(const DoctorFacts& facts) {
  if (!facts.running) return {not_running("certificate")};
  child::wire::CertificatesReply reply;
  if (!facts.certificates_error.empty() || !reply.ParseFromString(facts.certificates))
    return {{"certificate", "", Verdict::kFault, printable(facts.certificates_error),
             "nobody knows what clients are shown", "see the log, and: hauspost status"}};
  Findings out;
  for (const auto& one : reply.certificates()) out.push_back(date_finding(facts, one));
  for (const std::string& name : certificate_names(facts.zone)) {
    const bool covered = std::ranges::any_of(reply.certificates(), [&](const auto& one) {
      return one.in_use() && std::ranges::any_of(one.names(), [&](const std::string& pattern) {
               return tls::name_matches(pattern, name);
             });
    });
    if (covered) continue;
    const bool essential = name == facts.zone.hostname;
    // Nobody looks anything up where there is no DNS to look in.
    if (!essential && facts.offline) continue;
    out.push_back(
        {"certificate", name, Verdict::kFault, "no certificate is for this name",
         essential ? "mail programs refuse to connect"
                   : "mail programs and servers that ask there turn away",
         fmt::format("get one that names it: hauspost certificate acme enable --name {}", name)});
  }
  return out;
}

}  // namespace hauspost::cli
