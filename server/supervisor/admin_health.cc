// health show, set and override, and the verbs of test.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "server/child/health.pb.h"
#include "server/supervisor/admin_health_api.h"
#include "server/supervisor/admin_service.h"
#include "server/supervisor/health_watch.h"

namespace hauspost::supervisor {

namespace {

admin::HealthSettings settings_to_wire(const directory::HealthSettings& from) {
  admin::HealthSettings to;
  to.set_probes(from.probes);
  to.set_restarts(from.restarts);
  to.set_mail(from.mail);
  to.set_administrator(from.administrator);
  to.set_interval_s(from.interval_s);
  to.set_timeout_s(from.timeout_s);
  to.set_failures(from.failures);
  to.set_window(from.window);
  to.set_restarts_per_hour(from.restarts_per_hour);
  to.set_disk_free_percent(from.disk_free_percent);
  to.set_backup_age_s(from.backup_age_s);
  return to;
}

// What `request` names is changed, the rest stays.
void apply(const admin::HealthSetRequest& request, directory::HealthSettings& settings) {
  if (request.has_probes()) settings.probes = request.probes();
  if (request.has_restarts()) settings.restarts = request.restarts();
  if (request.has_mail()) settings.mail = request.mail();
  if (request.has_administrator()) settings.administrator = request.administrator();
  if (request.has_interval_s()) settings.interval_s = request.interval_s();
  if (request.has_timeout_s()) settings.timeout_s = request.timeout_s();
  if (request.has_failures()) settings.failures = request.failures();
  if (request.has_window()) settings.window = request.window();
  if (request.has_restarts_per_hour()) settings.restarts_per_hour = request.restarts_per_hour();
  if (request.has_disk_free_percent()) settings.disk_free_percent = request.disk_free_percent();
  if (request.has_backup_age_s()) settings.backup_age_s = request.backup_age_s();
}

std::string_view word_of(HealthState::Word word) {
  switch (word) {
    case HealthState::Word::kHealthy: return "healthy";
    case HealthState::Word::kUnhealthy: return "unhealthy";
    case HealthState::Word::kOff: return "off";
    case HealthState::Word::kUnknown: break;
  }
  return "unknown";
}

std::string_view word_of(Observation::Outcome outcome) {
  switch (outcome) {
    case Observation::Outcome::kGood: return "good";
    case Observation::Outcome::kFailed: return "failed";
    case Observation::Outcome::kSkipped: break;
  }
  return "skipped";
}

void describe_state(const HealthState& state, admin::HealthTarget& out) {
  out.set_set(state.last.set);
  out.set_target(state.last.target);
  out.set_state(std::string(word_of(state.word)));
  out.set_outcome(std::string(word_of(state.last.outcome)));
  out.set_time_us(std::chrono::duration_cast<std::chrono::microseconds>(state.last.time).count());
  out.set_text(state.last.text);
  out.set_since_s(state.since_s);
  out.set_looked_s(state.looked_s);
  out.set_failures(state.failures);
  out.set_done(state.done);
}

template <class Reply>
void list(const std::vector<directory::HealthOverride>& all, Reply& reply) {
  for (const directory::HealthOverride& one : all) {
    auto* out = reply.add_overrides();
    out->set_name(one.set);
    out->set_until_s(one.until_s);
  }
}

Result<ProbeChoice> choice_of(const admin::HealthTestRequest& request) {
  ProbeChoice choice{.listeners = false,
                     .imap = request.name() == "imap",
                     .pop3 = request.name() == "pop3",
                     .smtp = request.name() == "smtp",
                     .submission = request.name() == "smtp",
                     .mailflow = request.name() == "mailflow",
                     .database = request.database()};
  if (choice.imap || choice.pop3 || choice.smtp || choice.mailflow) return choice;
  return fail(ErrorCode::kInvalid, fmt::format("there is no test of \"{}\"; there are imap, pop3, "
                                               "smtp and mailflow",
                                               escape_for_log(request.name())));
}

std::string nothing_to_test(const std::string& name, const std::string& database) {
  if (!database.empty()) {
    return fmt::format(
        "{} cannot be tried with database {}: it is not mounted, or the service is "
        "not on and active; see: hauspost database show {} and hauspost component "
        "list",
        name, database, database);
  }
  if (name == "mailflow") {
    return "mail flow cannot be tried: smtp and one of imap and pop3 must be on and active, and a "
           "database mounted; see: hauspost component list";
  }
  return fmt::format(
      "{} cannot be tried: the service is not on and active, or no database is "
      "mounted; see: hauspost service list and hauspost component list",
      name);
}

}  // namespace

Task<Result<admin::HealthShowReply>> AdminService::health_show(admin::HealthShowRequest request) {
  const directory::DirectoryReader& reader = supervisor_.directory().reader();
  HealthWatch& watch = supervisor_.health_watch();
  if (request.now()) CO_TRY(co_await watch.round_now());
  admin::HealthShowReply reply;
  CO_TRY_ASSIGN(const auto settings, directory::health_settings(reader));
  *reply.mutable_settings() = settings_to_wire(settings);
  CO_TRY_ASSIGN(const auto overrides, directory::health_overrides(reader, unix_now()));
  list(overrides, reply);
  for (const HealthState& state : watch.states()) {
    if (request.name().empty() || request.name() == state.last.set ||
        request.name() == state.last.name()) {
      describe_state(state, *reply.add_targets());
    }
  }
  if (!request.name().empty() && reply.targets_size() == 0) {
    co_return fail(ErrorCode::kNotFound, fmt::format("no health set \"{}\" is looked at now; see: "
                                                     "hauspost health show",
                                                     escape_for_log(request.name())));
  }
  reply.set_last_round_s(watch.last_round_s());
  reply.set_mails_waiting(static_cast<std::uint32_t>(watch.mails_waiting()));
  co_return reply;
}

Task<Result<admin::HealthSetReply>> AdminService::health_set(admin::HealthSetRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  CO_TRY_ASSIGN(auto settings, directory::health_settings(supervisor_.directory().reader()));
  apply(request, settings);
  CO_TRY(request.dry_run() ? directory::check(settings)
                           : directory::set_health_settings(supervisor_.directory(), settings));
  if (!request.dry_run()) supervisor_.health_watch().hurry();
  admin::HealthSetReply reply;
  *reply.mutable_settings() = settings_to_wire(settings);
  co_return reply;
}

Task<Result<admin::HealthOverrideReply>> AdminService::health_override(
    admin::HealthOverrideRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  CO_TRY_ASSIGN(auto all,
                directory::health_overrides(supervisor_.directory().reader(), unix_now()));
  const auto removed = std::erase_if(
      all, [&](const directory::HealthOverride& one) { return one.set == request.name(); });
  if (!request.off() && removed == 0) {
    co_return fail(ErrorCode::kNotFound,
                   fmt::format("health set \"{}\" is not switched off; see: hauspost health show",
                               escape_for_log(request.name())));
  }
  if (request.off() && request.until_s() != 0 && request.until_s() <= unix_now())
    co_return fail(ErrorCode::kInvalid, "the time until which it is off has passed already");
  if (request.off()) all.push_back({request.name(), request.until_s()});
  CO_TRY(directory::set_health_overrides(supervisor_.directory(), all));
  supervisor_.health_watch().hurry();
  admin::HealthOverrideReply reply;
  list(all, reply);
  co_return reply;
}

Task<Result<admin::HealthTestReply>> AdminService::health_test(admin::HealthTestRequest request) {
  CO_TRY_ASSIGN(ProbeChoice choice, choice_of(request));
  if (!choice.database.empty()) CO_TRY(find_database(choice.database));
  CO_TRY_ASSIGN(auto reply, co_await supervisor_.health_watch().test(std::move(choice)));
  if (reply.results_size() == 0) {
    co_return fail(ErrorCode::kUnavailable, nothing_to_test(request.name(), request.database()));
  }
  admin::HealthTestReply out;
  out.mutable_results()->Swap(reply.mutable_results());
  co_return out;
}

}  // namespace hauspost::supervisor
