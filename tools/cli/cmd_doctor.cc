// hauspost doctor: every check, at any time.
#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "server/directory/names.h"
#include "tools/cli/amount.h"
#include "tools/cli/commands.h"
#include "tools/cli/doctor_report.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct DoctorOptions {
  DoctorWish wish;
  std::string free_least;
  std::string backup_age;
  bool all = false;
};

Outcome<> read_doctor_limits(DoctorOptions& options) {
  if (!options.free_least.empty()) {
    const auto bytes = parse_size(options.free_least);
    if (!bytes) return usage(fmt::format("--min-free {}: a size, as 5G", options.free_least));
    options.wish.limits.free_bytes_least = *bytes;
  }
  if (!options.backup_age.empty()) {
    const auto seconds = parse_duration(options.backup_age);
    if (!seconds || *seconds < 0)
      return usage(fmt::format("--backup-age {}: a time, as 7d", options.backup_age));
    options.wish.limits.backup_age_s_most = *seconds;
  }
  for (std::string& domain : options.wish.domains)
    domain = directory::canonical_domain(domain).value_or(ascii_lower(domain));
  return {};
}

Json doctor_json(const DoctorFacts& facts, const Findings& findings,
                 const std::vector<std::string>& changes) {
  Json list = Json::array();
  for (const Finding& finding : findings) list.push_back(finding_json(finding));
  Json drifted = Json::array();
  for (const std::string& change : changes) drifted.push_back(change);
  return {{"data_root", facts.data_root},
          {"hostname", facts.zone.hostname},
          {"running", facts.running},
          {"offline", facts.offline},
          {"faults", count_of(findings, Verdict::kFault)},
          {"warnings", count_of(findings, Verdict::kWarning)},
          {"drift", drifted},
          {"findings", list}};
}

Outcome<> doctor_outcome(const Findings& findings) {
  const std::size_t faults = count_of(findings, Verdict::kFault);
  if (faults > 0) {
    Failure failure{Exit::kRefused, "faults",
                    fmt::format("{} {} found", faults, faults == 1 ? "fault" : "faults")};
    failure.answered = true;
    return std::unexpected(std::move(failure));
  }
  const auto blind = std::ranges::count_if(findings, &Finding::blind);
  if (blind > 0)
    return partial(fmt::format("no fault, but {} {} could not be made", blind,
                               blind == 1 ? "check" : "checks"));
  return {};
}

Outcome<> run_doctor(Context& context, DoctorOptions& options) {
  TRY(read_doctor_limits(options));
  TRY_ASSIGN(const DoctorFacts facts, gather_facts(context, options.wish));
  const Findings findings = examine(facts, options.wish.only);
  const auto last = read_last(facts.data_root);
  const auto before = last ? last->findings : std::vector<Remembered>();
  const auto changes = drift(before, findings);
  context.print(doctor_json(facts, findings, changes));
  context.say(findings_text(findings, options.all));
  if (!changes.empty()) {
    context.say(fmt::format("Since {}:", human_time(last->time_s)));
    for (const std::string& change : changes) context.say("  " + printable(change));
    context.say("");
  }
  if (const std::string problems = problems_text(findings); !problems.empty())
    context.say("To look after\n\n" + problems);
  else
    context.say("All is well.");
  if (auto kept = write_last(facts.data_root, facts.now_s, findings, before); !kept)
    fmt::print(stderr, "hauspost: not remembered for next time: {}\n",
               printable(kept.error().text));
  return doctor_outcome(findings);
}

}  // namespace

void add_doctor_command(CLI::App& app, Verb& chosen) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App* verb = add_verb<DoctorOptions>(
      app, "doctor", "Check everything: machine, server, names, published DNS; say what to do",
      chosen, options, run_doctor);
  const auto list = [&](const std::string& name, std::vector<std::string>& values,
                        const std::string& help) {
    return verb->add_option(name, values, help)->allow_extra_args(false);
  };
  std::vector<std::string> names;
  for (const CheckInfo& check : kChecks) names.emplace_back(check.name);
  list("--domain", options->wish.domains, "Only this domain; several times")->type_name("DOMAIN");
  list("--only", options->wish.only, "Only this check; several times")
      ->check(CLI::IsMember(names))
      ->type_name("CHECK");
  list("--resolver", options->wish.resolvers,
       "Ask this DNS server, not those of the server; several times")
      ->type_name("ADDRESS");
  verb->add_flag("--offline", options->wish.offline, "Ask neither the DNS nor the Internet");
  verb->add_option("--ntp", options->wish.ntp, "Compare the clock with this server's")
      ->type_name("HOST");
  verb->add_option("--outbound", options->wish.outbound,
                   "Try whether this host takes a connection (default: the smart host, else one "
                   "that takes mail for gmail.com)")
      ->type_name("HOST:PORT");
  verb->add_option("--min-free", options->free_least,
                   "A disk with less free is nearly full (default: 1G)")
      ->type_name("SIZE");
  verb->add_option("--backup-age", options->backup_age,
                   "A backup older than this is too old (default: 7d)")
      ->type_name("TIME");
  verb->add_flag("--all", options->all, "Show also what was not wanted");
}

}  // namespace hauspost::cli
