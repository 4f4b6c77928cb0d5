// What follows from a fault: who is started again, and what the administrator is told.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/metrics.h"
#include "server/child/control.h"
#include "server/child/health.pb.h"
#include "server/directory/frontend_settings.h"
#include "server/supervisor/ask_transport.h"
#include "server/supervisor/health_watch.h"
#include "server/supervisor/supervisor.h"

namespace hauspost::supervisor {

namespace {

using Outcome = Observation::Outcome;

// What hangs does not end when asked; it gets so long all the same.
constexpr Duration kRestartPatience = std::chrono::seconds(2);
constexpr Duration kMailTime = std::chrono::seconds(10);
constexpr std::string_view kStore = "store ";

metrics::CounterFamily restart_count("hauspost_health_restarts_total",
                                     "Restarts of what did not answer.", {"component"});
metrics::CounterFamily mail_count("hauspost_health_mails_total",
                                  "Mails to the administrator about health.");

std::string time_text(std::int64_t time_s) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(time_s)));
}

bool is_greeting(std::string_view step) {
  return step == "connect" || step == "tls" || step == "greeting";
}

// The services that a component serves.
std::vector<std::string_view> services_of(const std::string& component) {
  if (component.starts_with(kStore)) return {"imap-backend", "pop3-backend"};
  if (component == "transport") return {"smtp", "submission"};
  if (component == "frontend") return {"imap", "pop3", "smtp", "submission"};
  return {};
}

}  // namespace

bool HealthWatch::failed_now(const std::string& set, const std::string& target) const {
  const auto found = entries_.find({set, target});
  return found != entries_.end() && found->second.round == round_ &&
         found->second.last.outcome == Outcome::kFailed;
}

bool HealthWatch::all_doors_failed() const {
  bool any = false;
  for (const auto& [name, entry] : entries_) {
    if (name.first != "frontend" || name.second.empty()) continue;
    any = true;
    if (entry.last.outcome != Outcome::kFailed || entry.last.answered) return false;
  }
  return any;
}

// Who answers the supervisor is not to blame for what hangs behind it, so the children's own
// answers come first.
std::string HealthWatch::culprit(const Entry& entry, std::string& why) const {
  const Observation& seen = entry.last;
  if (seen.at_once || seen.answered) {
    why = "no restart helps against it";
    return {};
  }
  if (seen.set == "auth" || seen.set == "transport" || seen.set == "health") return seen.set;
  if (seen.set == "frontend" && seen.target.empty()) return seen.set;
  if (seen.set == "database") return std::string(kStore) + seen.target;
  if (seen.set == "web" && seen.target.empty()) return seen.set;
  for (const char* const other : {"frontend", "auth", "transport", "web"}) {
    if (!failed_now(other)) continue;
    why = fmt::format("{} does not answer", other);
    return {};
  }
  if (seen.set == "frontend" || is_greeting(seen.step)) {
    if (all_doors_failed()) return "frontend";
    why = "other doors of the front-end are open";
    return {};
  }
  if (seen.set == "web") return seen.set;
  if (!seen.target.empty() && failed_now("database", seen.target)) {
    why = fmt::format("database {} does not answer", seen.target);
    return {};
  }
  if (seen.set == "smtp" || seen.set == "submission") return "transport";
  const bool sending = seen.step == "ehlo" || seen.step == "recipient" || seen.step == "message";
  if (seen.set == "mailflow" && sending) return "transport";
  return std::string(kStore) + seen.target;
}

bool HealthWatch::in_maintenance(const std::string& component) const {
  const auto ask = directory::asking(supervisor_.directory().reader());
  const auto services = services_of(component);
  return std::ranges::any_of(services, [&](std::string_view service) {
    const auto words = directory::component_words(ask, service);
    return std::ranges::any_of(words, [](const directory::ComponentWord& word) {
      return word.requester == "maintenance" && word.state != directory::ComponentState::kActive;
    });
  });
}

ChildProcess* HealthWatch::find_component(const std::string& component) {
  if (component.starts_with(kStore))
    return supervisor_.stores().find(component.substr(kStore.size()));
  if (component == "auth") return &supervisor_.auth();
  if (component == "frontend") return &supervisor_.frontend();
  if (component == "transport") return &supervisor_.transport();
  if (component == "web") return &supervisor_.web();
  if (component == "health") return &supervisor_.health();
  return nullptr;
}

bool HealthWatch::restart(const std::string& component, Entry& entry,
                          const directory::HealthSettings& settings) {
  ChildProcess* child = find_component(component);
  if (child == nullptr || child->facts().pid == 0) return false;
  const auto refuse = [&](std::string why) {
    const std::string done = fmt::format("{} was not restarted: {}", component, why);
    if (entry.done != done)
      log::warning("health.no_restart",
                   {{"set", entry.last.name()}, {"component", component}, {"cause", why}});
    entry.done = done;
    return false;
  };
  if (!settings.restarts) return refuse("restarts are off");
  if (in_maintenance(component)) return refuse("it is in maintenance");
  if (component.starts_with(kStore)) {
    const auto free = supervisor_.jobs().check_free(component.substr(kStore.size()));
    if (!free) return refuse(free.error().text);
  }
  if (!restarts_.take(component, last_round_s_, settings.restarts_per_hour))
    return refuse(fmt::format("it was {} times within the hour", settings.restarts_per_hour));
  const unsigned times = restarts_.within_hour(component, last_round_s_);
  log::warning("health.restart", {{"set", entry.last.name()},
                                  {"component", component},
                                  {"cause", entry.last.text},
                                  {"times_this_hour", times}});
  entry.done = fmt::format("{} was restarted at {} ({} of {} this hour)", component,
                           time_text(last_round_s_), times, settings.restarts_per_hour);
  restart_count.with({component}).add();
  child->restart(kRestartPatience);
  return true;
}

void HealthWatch::respond(const directory::HealthSettings& settings) {
  bool restarted = false;
  for (auto& [name, entry] : entries_) {
    if (entry.off || entry.monitor.healthy() || entry.round != round_) continue;
    if (entry.last.outcome != Outcome::kFailed) continue;  // it may be about to be well again
    std::string why;
    const std::string component = culprit(entry, why);
    if (!component.empty() && entry.monitor.failures() >= settings.failures)
      restarted = restart(component, entry, settings) || restarted;
    if (component.empty() && entry.done.empty()) entry.done = why;
    // What is only another fault's consequence is told with that.
    const bool consequence = component.empty() && !entry.last.answered && !entry.last.at_once &&
                             entry.last.set != "frontend";
    if (!consequence) tell(entry, settings, true);
  }
  if (!restarted) return;
  for (auto& [name, entry] : entries_) {
    if (!entry.last.at_once) entry.monitor.forget();
  }
}

void HealthWatch::tell(Entry& entry, const directory::HealthSettings& settings, bool broken) {
  if (!settings.mail || settings.administrator.empty()) return;
  const std::string name = entry.last.name();
  const std::string& host = supervisor_.settings().hostname;
  if (!broken) {
    mails_.recovered(name, last_round_s_, fmt::format("{}: {} is well again", host, name),
                     fmt::format("{} on {} is healthy since {}.\nWhat was done: {}.\n\n"
                                 "See: hauspost health show\n",
                                 name, host, time_text(entry.monitor.since()),
                                 entry.done.empty() ? "nothing" : entry.done));
    return;
  }
  mails_.broke(name, last_round_s_, fmt::format("{}: {} is unhealthy", host, name),
               fmt::format("{} on {} is unhealthy since {}.\nCause: {}.\nWhat was done: {}.\n\n"
                           "See: hauspost health show\n",
                           name, host, time_text(entry.monitor.since()), entry.monitor.failure(),
                           entry.done.empty() ? "nothing" : entry.done));
}

Task<void> HealthWatch::send_mails(directory::HealthSettings settings) {
  if (settings.administrator.empty() || !settings.mail) {
    mails_.pending().clear();
    co_return;
  }
  while (!mails_.pending().empty()) {
    const health::Mail& mail = mails_.pending().front();
    child::wire::HealthMailRequest request;
    request.set_id(std::string(mail.id.as_bytes()));
    request.set_to(settings.administrator);
    request.set_message(
        health::mail_text(mail, settings.administrator, supervisor_.settings().hostname));
    const auto sent = co_await call_transport(
        supervisor_, {.method = child::ControlMethod::kHealthMail, .timeout = kMailTime},
        request.SerializeAsString());
    if (!sent) {
      log::warning("health.mail_waits",
                   {{"waiting", mails_.pending().size()}, {"cause", sent.error()}});
      co_return;
    }
    mail_count.add();
    log::info("health.mail", {{"to", settings.administrator}});
    mails_.pending().pop_front();
  }
}

}  // namespace hauspost::supervisor
