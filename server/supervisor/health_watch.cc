#include "server/supervisor/health_watch.h"

#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/metrics.h"
#include "server/child/health.pb.h"
#include "server/supervisor/supervisor.h"

namespace hauspost::supervisor {

namespace {

using Outcome = Observation::Outcome;

// To the next round when something failed; more often, and the probes' connections would take those
// of others on this machine, who share the limit of their address.
constexpr Duration kSoon = std::chrono::seconds(10);
// A round through the front doors wakes every process some hundred times, asking the processes
// themselves only once or twice. While all is well, so many rounds make one of the former.
constexpr std::uint64_t kRoundsADoor = 5;
constexpr Duration kOffPause = std::chrono::hours(24);
constexpr Duration kProberStart = std::chrono::seconds(10);
constexpr Duration kProberStop = std::chrono::seconds(1);
constexpr std::int64_t kForgetAfter_s = 900;
// NTP moves a clock by less without a step.
constexpr std::chrono::seconds kClockJump{10};

std::int64_t now_s() {
  return std::chrono::floor<Seconds>(system_clock().now().time_since_epoch()).count();
}

HealthState::Word word_of(const health::Monitor& monitor, bool off) {
  if (off) return HealthState::Word::kOff;
  if (monitor.looked() == 0) return HealthState::Word::kUnknown;
  return monitor.healthy() ? HealthState::Word::kHealthy : HealthState::Word::kUnhealthy;
}

}  // namespace

HealthWatch::HealthWatch(Supervisor& supervisor, Executor executor)
    : supervisor_(supervisor),
      executor_(executor),
      access_(make_health_access()),
      timer_(executor),
      probed_(executor),
      rounds_(executor),
      looks_(executor),
      tasks_(executor) {}

void HealthWatch::start() { tasks_.spawn("health", run()); }

Task<void> HealthWatch::stop() {
  tasks_.stop();
  looks_.stop();
  co_await tasks_.join();
}

void HealthWatch::hurry() {
  hurried_ = true;
  asked_ = true;
  timer_.cancel();
}

Task<Result<>> HealthWatch::round_now() {
  CO_TRY_ASSIGN(const auto settings, directory::health_settings(supervisor_.directory().reader()));
  if (!settings.probes)
    co_return fail(ErrorCode::kDenied, "probes are off; see: hauspost health set --probes on");
  // The one under way may have looked before whatever is to be seen.
  const std::uint64_t wanted = round_ + (looking_ ? 2 : 1);
  while (round_ < wanted) {
    hurry();
    CO_TRY(co_await rounds_.wait());
    // Somebody has switched them off meanwhile: no further round comes.
    const auto now = directory::health_settings(supervisor_.directory().reader());
    if (round_ < wanted && now && !now->probes)
      co_return fail(ErrorCode::kDenied, "probes were switched off meanwhile");
  }
  co_return Result<>{};
}

Task<void> HealthWatch::pause(Duration time) {
  if (std::exchange(hurried_, false)) co_return;
  timer_.expires_after(time);
  std::error_code ended_early;
  co_await timer_.async_wait(asio::redirect_error(kUseTask, ended_early));
  hurried_ = false;
}

Task<void> HealthWatch::run() {
  co_await pause(kFirstRound);
  while (!was_cancelled(co_await asio::this_coro::cancellation_state)) {
    const auto settings = directory::health_settings(supervisor_.directory().reader());
    if (!settings || !settings->probes) {
      entries_.clear();
      co_await have_prober(false);
      rounds_.notify_all();
      co_await pause(settings ? kOffPause : kSoon);
      continue;
    }
    co_await make_round(*settings);
    const auto failed = [this](const auto& entry) {
      return !entry.second.off && entry.second.round == round_ &&
             entry.second.last.outcome == Outcome::kFailed && !entry.second.last.at_once;
    };
    const Duration interval = std::chrono::seconds(settings->interval_s);
    const bool soon = std::ranges::any_of(entries_, failed) || mails_.pending_count() != 0;
    co_await pause(soon ? std::min(interval, kSoon) : interval);
  }
}

// hauspost-health runs, or is not to. False: it does not run.
Task<bool> HealthWatch::have_prober(bool wanted) {
  ChildProcess& prober = supervisor_.health();
  const auto state = prober.facts().state;
  if (!wanted) {
    if (state != ChildProcess::State::kStopped) co_await prober.stop(kProberStop);
    co_return false;
  }
  if (state == ChildProcess::State::kStopped || state == ChildProcess::State::kQuarantined) {
    const std::string program = supervisor_.options().program_dir + "/hauspost-health";
    if (::access(program.c_str(), X_OK) != 0) co_return false;
    prober.start();
  }
  co_return co_await prober.wait_running(kProberStart);
}

Task<void> HealthWatch::try_doors(directory::HealthSettings settings,
                                  std::vector<Observation>& seen) {
  Observation own;
  own.set = "health";
  if (!co_await have_prober(true)) {
    own.outcome = Outcome::kFailed;
    own.answered = true;
    own.text = "hauspost-health does not run: no front door is tried; its log says why";
    seen.push_back(std::move(own));
    co_return;
  }
  const auto begun = std::chrono::steady_clock::now();
  auto request = co_await plan_probes(supervisor_, access_, settings, {});
  std::optional<Error> cause;
  if (request) {
    const auto reply = co_await make_probes(supervisor_, *request);
    if (reply)
      read_results(*reply, seen);
    else
      cause = reply.error();
  } else {
    cause = request.error();
  }
  own.time = std::chrono::steady_clock::now() - begun;
  if (cause) {
    own.outcome = Outcome::kFailed;
    own.text = "the front doors were not tried: " + cause->text;
  }
  seen.push_back(std::move(own));
}

void HealthWatch::check_clock(std::vector<Observation>& seen) {
  const auto offset = std::chrono::nanoseconds(system_clock().now().time_since_epoch()) -
                      std::chrono::nanoseconds(system_clock().steady().time_since_epoch());
  Observation one;
  one.set = "clock";
  one.answered = true;
  one.at_once = true;
  if (clock_offset_) {
    const auto jump = std::chrono::duration_cast<std::chrono::seconds>(offset - *clock_offset_);
    if (jump > kClockJump || jump < -kClockJump) {
      one.outcome = Outcome::kFailed;
      one.text =
          fmt::format("the clock was moved by {} seconds; is time synchronised?", jump.count());
    }
  }
  clock_offset_ = offset;
  seen.push_back(std::move(one));
}

// What failed, and what could not be tried, is tried again with the next round.
bool HealthWatch::doors_are_due() const {
  if (entries_.empty() || round_ + 1 - doors_round_ >= kRoundsADoor) return true;
  return std::ranges::any_of(entries_, [](const auto& item) {
    const Entry& entry = item.second;
    return !entry.off && !entry.last.at_once &&
           (!entry.monitor.healthy() || entry.last.outcome != Outcome::kGood);
  });
}

// What was seen through them last still holds in a round that does not try them.
void HealthWatch::keep_doors() {
  for (auto& [name, entry] : entries_) {
    if (!entry.last.door) continue;
    entry.round = round_;
    entry.seen_s = last_round_s_;
  }
}

Task<std::vector<Observation>> HealthWatch::look(directory::HealthSettings settings, bool doors) {
  while (probing_) {
    if (!co_await probed_.wait()) co_return std::vector<Observation>();
  }
  probing_ = true;
  std::vector<Observation> seen;
  std::vector<Observation> probed;
  ping_children(supervisor_, std::chrono::seconds(settings.timeout_s), looks_, seen);
  if (doors) looks_.spawn("health.probes", try_doors(settings, probed));
  co_await looks_.join();
  probing_ = false;
  probed_.notify_all();
  for (Observation& one : probed) one.door = true;
  std::ranges::move(probed, std::back_inserter(seen));
  std::ranges::move(co_await check_server(supervisor_, settings), std::back_inserter(seen));
  check_clock(seen);
  co_return seen;
}

Task<void> HealthWatch::make_round(directory::HealthSettings settings) {
  looking_ = true;
  note_backups(supervisor_);
  const bool doors = std::exchange(asked_, false) || doors_are_due();
  std::vector<Observation> seen = co_await look(settings, doors);
  looking_ = false;
  if (was_cancelled(co_await asio::this_coro::cancellation_state)) co_return;
  ++round_;
  last_round_s_ = now_s();
  if (doors)
    doors_round_ = round_;
  else
    keep_doors();
  judge(std::move(seen), settings);
  respond(settings);
  rounds_.notify_all();
  co_await send_mails(settings);
}

void HealthWatch::judge(std::vector<Observation> seen, const directory::HealthSettings& settings) {
  const auto overrides =
      directory::health_overrides(supervisor_.directory().reader(), last_round_s_)
          .value_or(std::vector<directory::HealthOverride>());
  for (Observation& one : seen) {
    Entry& entry = entries_[{one.set, one.target}];
    entry.round = round_;
    entry.seen_s = last_round_s_;
    entry.off = std::ranges::any_of(overrides, [&](const directory::HealthOverride& off) {
      return off.set == one.set || off.set == one.name();
    });
    note(entry, std::move(one), settings);
  }
  std::erase_if(entries_, [this](const auto& item) { return is_gone(item.second); });
}

// What was not looked at is not there any more; but what was broken may be away only while it is
// started again, and then its end is still to be told.
bool HealthWatch::is_gone(const Entry& entry) {
  if (entry.round == round_) return false;
  if (!entry.monitor.healthy() && last_round_s_ - entry.seen_s < kForgetAfter_s) return false;
  mails_.forget(entry.last.name());
  return true;
}

void HealthWatch::note(Entry& entry, Observation one, const directory::HealthSettings& settings) {
  entry.last = std::move(one);
  if (entry.off) {
    entry.monitor = {};
    return;
  }
  if (entry.last.outcome == Outcome::kSkipped) return;
  const health::MonitorRules rules = entry.last.at_once
                                         ? health::MonitorRules{1, 1}
                                         : health::MonitorRules{settings.failures, settings.window};
  const bool good = entry.last.outcome == Outcome::kGood;
  const auto change = entry.monitor.note(good, last_round_s_, entry.last.text, rules);
  if (change == health::Monitor::Change::kBroke) {
    entry.done.clear();
    log::error("health.unhealthy", {{"set", entry.last.name()}, {"cause", entry.last.text}});
  }
  if (change == health::Monitor::Change::kRecovered) {
    log::info("health.recovered", {{"set", entry.last.name()}});
    tell(entry, settings, false);
  }
}

std::vector<HealthState> HealthWatch::states() const {
  std::vector<HealthState> all;
  for (const auto& [name, entry] : entries_) {
    all.push_back({.word = word_of(entry.monitor, entry.off),
                   .last = entry.last,
                   .since_s = entry.monitor.since(),
                   .looked_s = entry.monitor.looked(),
                   .failures = entry.monitor.failures(),
                   .done = entry.done});
  }
  return all;
}

void HealthWatch::measure(metrics::Snapshot& out) const {
  for (const HealthState& state : states()) {
    if (state.word != HealthState::Word::kHealthy && state.word != HealthState::Word::kUnhealthy)
      continue;
    const std::vector<metrics::Label> labels{{"set", state.last.set}, {"target", state.last.target}};
    out.gauge("hauspost_health_healthy", "1 while a health set is healthy, 0 while it is not.",
              state.word == HealthState::Word::kHealthy ? 1 : 0, labels);
    if (state.last.time != Duration::zero() && state.last.outcome != Outcome::kSkipped) {
      out.gauge("hauspost_health_probe_seconds", "Time that the last probe took.",
                std::chrono::duration<double>(state.last.time).count(), labels);
    }
  }
  if (last_round_s_ != 0) {
    out.gauge("hauspost_health_round_time_seconds",
              "When the last round of probes and checks ended, Unix time.",
              static_cast<double>(last_round_s_));
  }
}

Task<Result<child::wire::HealthProbeReply>> HealthWatch::test(ProbeChoice choice) {
  CO_TRY_ASSIGN(const auto settings, directory::health_settings(supervisor_.directory().reader()));
  if (!co_await have_prober(true)) {
    co_return fail(ErrorCode::kUnavailable,
                   "hauspost-health does not run; its last log lines say why");
  }
  while (probing_) CO_TRY(co_await probed_.wait());
  probing_ = true;
  auto request = co_await plan_probes(supervisor_, access_, settings, choice);
  auto reply = request ? co_await make_probes(supervisor_, *request)
                       : Result<child::wire::HealthProbeReply>(fail(request.error()));
  probing_ = false;
  probed_.notify_all();
  co_return reply;
}

}  // namespace hauspost::supervisor
