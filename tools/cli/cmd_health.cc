// The nouns "health" and "test".
#include <fmt/format.h>

#include <map>

#include "base/clock.h"
#include "server/supervisor/admin_health_api.h"
#include "tools/cli/amount.h"
#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct HealthOptions {
  std::string name;
  bool now = false;
  std::string probes, restarts, mail;
  std::optional<std::string> administrator;
  std::string interval, timeout, backup_age;
  std::optional<std::uint32_t> failures, window, restarts_per_hour, disk_free;
  bool dry_run = false;
  bool off = false;
  bool on = false;
  std::string until;
  std::string database;
};

std::int64_t health_now_s() {
  return std::chrono::floor<Seconds>(system_clock().now()).time_since_epoch().count();
}

std::string ms_text(std::int64_t time_us) { return fmt::format("{:.1f}", time_us / 1000.0); }

Json settings_json(const admin::HealthSettings& settings) {
  return {{"probes", settings.probes()},
          {"restarts", settings.restarts()},
          {"mail", settings.mail()},
          {"administrator", settings.administrator()},
          {"interval_s", settings.interval_s()},
          {"timeout_s", settings.timeout_s()},
          {"failures", settings.failures()},
          {"window", settings.window()},
          {"restarts_per_hour", settings.restarts_per_hour()},
          {"disk_free_percent", settings.disk_free_percent()},
          {"backup_age_s", settings.backup_age_s()}};
}

Json target_json(const admin::HealthTarget& target) {
  return {{"set", target.set()},           {"target", target.target()},
          {"state", target.state()},       {"outcome", target.outcome()},
          {"time_us", target.time_us()},   {"text", target.text()},
          {"since_s", target.since_s()},   {"looked_s", target.looked_s()},
          {"failures", target.failures()}, {"done", target.done()}};
}

template <class Reply>
Json overrides_json(const Reply& reply) {
  Json all = Json::array();
  for (const admin::HealthOverrideEntry& one : reply.overrides())
    all.push_back({{"name", one.name()}, {"until_s", one.until_s()}});
  return all;
}

std::string until_text(std::int64_t until_s) {
  return until_s == 0 ? "it is switched on again" : human_time(until_s);
}

void say_settings(Context& context, const admin::HealthSettings& settings) {
  const auto on = [](bool value) { return std::string(value ? "on" : "off"); };
  Table table({{"SETTING"}, {"VALUE"}});
  table.add({"probes", on(settings.probes())});
  table.add({"interval", duration_text(settings.interval_s())});
  table.add({"timeout", duration_text(settings.timeout_s())});
  table.add({"failures", fmt::format("{} of the last {}", settings.failures(), settings.window())});
  table.add({"restarts", on(settings.restarts())});
  table.add({"restarts-per-hour", std::to_string(settings.restarts_per_hour())});
  table.add({"mail", on(settings.mail())});
  table.add({"administrator",
             settings.administrator().empty() ? "nobody" : printable(settings.administrator())});
  table.add({"disk-free", fmt::format("{} %", settings.disk_free_percent())});
  table.add({"backup-age",
             settings.backup_age_s() == 0 ? "any" : duration_text(settings.backup_age_s())});
  context.say(table.render(terminal_width()));
}

std::string note_of(const admin::HealthTarget& target) {
  std::string note = target.outcome() == "good" ? std::string() : printable(target.text());
  if (!target.done().empty()) note += (note.empty() ? "" : "; ") + printable(target.done());
  return note;
}

Outcome<> run_health_show(Context& context, HealthOptions& options) {
  admin::HealthShowRequest request;
  request.set_name(options.name);
  request.set_now(options.now);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json targets = Json::array();
  Table table({{"SET"}, {"TARGET"}, {"STATE"}, {"SINCE"}, {"LAST"}, {"MS", true}, {"NOTE"}});
  for (const admin::HealthTarget& target : reply.targets()) {
    targets.push_back(target_json(target));
    table.add({target.set(), target.target().empty() ? "-" : printable(target.target()),
               target.state(), human_time(target.since_s()), target.outcome(),
               target.time_us() == 0 ? "-" : ms_text(target.time_us()), note_of(target)});
  }
  context.print({{"targets", targets},
                 {"settings", settings_json(reply.settings())},
                 {"overrides", overrides_json(reply)},
                 {"last_round_s", reply.last_round_s()},
                 {"mails_waiting", reply.mails_waiting()}});
  if (!reply.settings().probes())
    context.say("Probes are off; see: hauspost health set --probes on");
  else if (reply.last_round_s() == 0)
    context.say("Nothing was looked at yet; try: hauspost health show --now");
  else
    context.say(table.render(terminal_width()));
  for (const admin::HealthOverrideEntry& one : reply.overrides())
    context.say(
        fmt::format("{} is off until {}.", printable(one.name()), until_text(one.until_s())));
  if (reply.mails_waiting() != 0)
    context.say(fmt::format("{} for transport, to be sent to {}.",
                            reply.mails_waiting() == 1
                                ? std::string("1 mail waits")
                                : fmt::format("{} mails wait", reply.mails_waiting()),
                            printable(reply.settings().administrator())));
  return {};
}

// The worst first.
int rank_of(std::string_view state) {
  if (state == "unhealthy") return 0;
  if (state == "healthy") return 1;
  return state == "unknown" ? 2 : 3;
}

Outcome<> run_health_report(Context& context, HealthOptions& options) {
  admin::HealthShowRequest request;
  request.set_now(options.now);
  TRY_ASSIGN(const auto reply, context.ask(request));
  struct Sum {
    std::string state;
    unsigned targets = 0, unhealthy = 0;
  };
  std::map<std::string, Sum> sums;
  unsigned unhealthy = 0;
  for (const admin::HealthTarget& target : reply.targets()) {
    Sum& sum = sums[target.set()];
    ++sum.targets;
    if (target.state() == "unhealthy") ++sum.unhealthy;
    if (sum.state.empty() || rank_of(target.state()) < rank_of(sum.state))
      sum.state = target.state();
  }
  Json all = Json::array();
  Table table({{"SET"}, {"STATE"}, {"TARGETS", true}, {"UNHEALTHY", true}});
  for (const auto& [set, sum] : sums) {
    if (sum.unhealthy != 0) ++unhealthy;
    all.push_back({{"set", set},
                   {"state", sum.state},
                   {"targets", sum.targets},
                   {"unhealthy", sum.unhealthy}});
    table.add({set, sum.state, std::to_string(sum.targets), std::to_string(sum.unhealthy)});
  }
  context.print({{"sets", all}, {"last_round_s", reply.last_round_s()}});
  context.say(table.render(terminal_width()));
  if (unhealthy == 0) return {};
  Failure failure{
      Exit::kRefused, "unavailable",
      fmt::format("{} health sets are unhealthy; see: hauspost health show", unhealthy)};
  failure.answered = true;
  return std::unexpected(std::move(failure));
}

Outcome<std::uint32_t> health_seconds(std::string_view option, const std::string& text) {
  const auto seconds = parse_duration(text);
  if (!seconds || *seconds < 0 || *seconds > UINT32_MAX)
    return usage(fmt::format("{} {}: a time, for instance 30s or 5m", option, printable(text)));
  return static_cast<std::uint32_t>(*seconds);
}

Outcome<> add_times(const HealthOptions& options, admin::HealthSetRequest& request) {
  if (!options.interval.empty()) {
    TRY_ASSIGN(const std::uint32_t seconds, health_seconds("--interval", options.interval));
    request.set_interval_s(seconds);
  }
  if (!options.timeout.empty()) {
    TRY_ASSIGN(const std::uint32_t seconds, health_seconds("--timeout", options.timeout));
    request.set_timeout_s(seconds);
  }
  if (!options.backup_age.empty()) {
    TRY_ASSIGN(const std::uint32_t seconds, health_seconds("--backup-age", options.backup_age));
    request.set_backup_age_s(seconds);
  }
  return {};
}

Outcome<> run_health_set(Context& context, HealthOptions& options) {
  admin::HealthSetRequest request;
  if (!options.probes.empty()) request.set_probes(options.probes == "on");
  if (!options.restarts.empty()) request.set_restarts(options.restarts == "on");
  if (!options.mail.empty()) request.set_mail(options.mail == "on");
  if (options.administrator) request.set_administrator(*options.administrator);
  if (options.failures) request.set_failures(*options.failures);
  if (options.window) request.set_window(*options.window);
  if (options.restarts_per_hour) request.set_restarts_per_hour(*options.restarts_per_hour);
  if (options.disk_free) request.set_disk_free_percent(*options.disk_free);
  TRY(add_times(options, request));
  if (request.ByteSizeLong() == 0) return usage("nothing to set; see: hauspost health set --help");
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print(settings_json(reply.settings()));
  say_settings(context, reply.settings());
  return {};
}

Outcome<> run_health_override(Context& context, HealthOptions& options) {
  if (options.off == options.on) return usage("health override: give either --off or --on");
  if (options.on && !options.until.empty())
    return usage("health override: --until goes with --off");
  admin::HealthOverrideRequest request;
  request.set_name(options.name);
  request.set_off(options.off);
  if (!options.until.empty()) {
    const std::int64_t now = health_now_s();
    const auto time = parse_duration(options.until);
    const auto until = time ? std::optional(now + *time) : parse_moment(options.until, now);
    if (!until)
      return usage(
          fmt::format("--until {}: a time from now such as 2h, or a moment such as "
                      "\"2013-11-21 19:14\"",
                      printable(options.until)));
    request.set_until_s(*until);
  }
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print(overrides_json(reply));
  context.say(options.off ? fmt::format("{} is not looked at until {}.", printable(options.name),
                                        until_text(request.until_s()))
                          : fmt::format("{} is looked at again.", printable(options.name)));
  return {};
}

std::string_view kind_word(child::wire::HealthKind kind) {
  switch (kind) {
    case child::wire::HEALTH_KIND_IMAP: return "imap";
    case child::wire::HEALTH_KIND_POP3: return "pop3";
    case child::wire::HEALTH_KIND_SMTP: return "smtp";
    case child::wire::HEALTH_KIND_SUBMISSION: return "submission";
    case child::wire::HEALTH_KIND_MAILFLOW: return "mailflow";
    default: return "?";
  }
}

std::string_view outcome_word(child::wire::HealthOutcome outcome) {
  switch (outcome) {
    case child::wire::HEALTH_OUTCOME_GOOD: return "good";
    case child::wire::HEALTH_OUTCOME_FAILED: return "FAILED";
    default: return "skipped";
  }
}

Json result_json(const child::wire::HealthResult& result) {
  Json steps = Json::array();
  for (const auto& step : result.steps())
    steps.push_back({{"name", step.name()}, {"time_us", step.time_us()}});
  return {{"test", kind_word(result.kind())},
          {"database", result.target()},
          {"good", result.outcome() == child::wire::HEALTH_OUTCOME_GOOD},
          {"outcome", result.outcome() == child::wire::HEALTH_OUTCOME_FAILED
                          ? "failed"
                          : outcome_word(result.outcome())},
          {"time_us", result.time_us()},
          {"steps", steps},
          {"text", result.text()},
          {"last_line", result.last_line()}};
}

void say_result(Context& context, const child::wire::HealthResult& result) {
  Table table({{"STEP"}, {"MS", true}});
  for (const auto& step : result.steps()) table.add({step.name(), ms_text(step.time_us())});
  context.say(fmt::format("{}{}{}: {} in {} ms", kind_word(result.kind()),
                          result.target().empty() ? "" : " ", printable(result.target()),
                          outcome_word(result.outcome()), ms_text(result.time_us())));
  context.say(table.render(terminal_width()));
  if (!result.text().empty()) context.say("Cause: " + printable(result.text()));
  if (!result.text().empty() && !result.last_line().empty())
    context.say("The server said last: " + printable(result.last_line()));
}

template <std::size_t kLength>
struct TestName {
  constexpr TestName(const char (&text)[kLength]) { std::copy_n(text, kLength, value); }
  char value[kLength];
};

template <TestName kName>
Outcome<> run_test(Context& context, HealthOptions& options) {
  admin::HealthTestRequest request;
  request.set_name(kName.value);
  request.set_database(options.database);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json all = Json::array();
  int failed = 0;
  for (const child::wire::HealthResult& result : reply.results()) {
    all.push_back(result_json(result));
    say_result(context, result);
    if (result.outcome() != child::wire::HEALTH_OUTCOME_GOOD) ++failed;
  }
  context.print(all);
  if (failed == 0) return {};
  Failure failure{Exit::kRefused, "unavailable",
                  fmt::format("{} of {} tests did not succeed; see: hauspost health show", failed,
                              reply.results_size())};
  failure.answered = true;
  return std::unexpected(std::move(failure));
}

using Options = std::shared_ptr<HealthOptions>;

CLI::App* add_health_verb(CLI::App& noun, const std::string& name, const std::string& description,
                          Verb& chosen, VerbFunction<HealthOptions> run, const Options& options) {
  return add_verb<HealthOptions>(noun, name, description, chosen, options, run);
}

void add_set_options(CLI::App& set, HealthOptions& options) {
  const auto on_off = CLI::IsMember({"on", "off"});
  set.add_option("--probes", options.probes, "Whether the server looks after itself")
      ->check(on_off);
  set.add_option("--interval", options.interval, "Between two rounds; 1s to 1d")->type_name("TIME");
  set.add_option("--timeout", options.timeout, "For one probe; 1s to 2m")->type_name("TIME");
  set.add_option("--failures", options.failures, "So many failures make a set unhealthy")
      ->type_name("N");
  set.add_option("--window", options.window, "Among so many probes")->type_name("N");
  set.add_option("--restarts", options.restarts, "Whether what does not answer is started again")
      ->check(on_off);
  set.add_option("--restarts-per-hour", options.restarts_per_hour, "Of one component, at most")
      ->type_name("N");
  set.add_option("--mail", options.mail, "Whether the administrator is written to")->check(on_off);
  set.add_option("--administrator", options.administrator, "Who is written to; \"\": nobody")
      ->type_name("ADDRESS");
  set.add_option("--disk-free", options.disk_free, "Less free space is a fault; 0: never")
      ->type_name("PERCENT");
  set.add_option("--backup-age", options.backup_age,
                 "A database whose last backup is older is a fault; 0: never")
      ->type_name("TIME");
  set.add_flag("--dry-run", options.dry_run, "Check and show, change nothing");
}

}  // namespace

void add_health_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "health", "Whether the server is well, and what it does about it");
  auto options = std::make_shared<HealthOptions>();
  CLI::App* show =
      add_health_verb(*noun, "show", "Show each health set: state, last look, what was done",
                      chosen, run_health_show, options);
  show->add_option("SET", options->name, "Only this one, for instance imap or \"imap DB1\"");
  show->add_flag("--now", options->now, "Look first, and wait for the end");
  add_health_verb(*noun, "report", "Sum up each health set; exit code 1 when one is unhealthy",
                  chosen, run_health_report, options)
      ->add_flag("--now", options->now, "Look first, and wait for the end");
  add_set_options(
      *add_health_verb(*noun, "set", "Change settings", chosen, run_health_set, options), *options);
  CLI::App* override_verb =
      add_health_verb(*noun, "override", "Switch the watch over a health set off, or on again",
                      chosen, run_health_override, options);
  override_verb->add_option("SET", options->name, "For instance imap, or \"imap DB1\"")->required();
  override_verb->add_flag("--off", options->off, "Do not look at it");
  override_verb->add_flag("--on", options->on, "Look at it again");
  override_verb->add_option("--until", options->until, "With --off: until then")->type_name("TIME");
}

void add_test_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "test", "Try the front doors as a client does");
  auto options = std::make_shared<HealthOptions>();
  const auto add = [&](const std::string& name, const std::string& description,
                       VerbFunction<HealthOptions> run) {
    add_health_verb(*noun, name, description, chosen, run, options)
        ->add_option("--database", options->database, "With the health mailbox of this database");
  };
  add("imap", "Log in over IMAP, store, fetch and search a message", run_test<"imap">);
  add("pop3", "Log in over POP3", run_test<"pop3">);
  add("smtp", "Name a recipient over SMTP, and submit a message with log-in", run_test<"smtp">);
  add("mailflow", "Send a message over SMTP and wait for its arrival", run_test<"mailflow">);
}

}  // namespace hauspost::cli
