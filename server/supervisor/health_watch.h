// HealthWatch: looks after the server's health in rounds. Probes and checks say what they see
// (health_round.h), monitors judge it, and what follows is in this order: what does not answer is
// started again, so often an hour; and the administrator is written to, once when something breaks
// and once when it is well.
#pragma once

#include <map>
#include <optional>

#include "base/condition.h"
#include "base/task_group.h"
#include "server/health/mails.h"
#include "server/health/monitor.h"
#include "server/health/restarts.h"
#include "server/supervisor/health_round.h"

namespace hauspost::metrics {
class Snapshot;
}

namespace hauspost::supervisor {

// What a health set says, for people.
struct HealthState {
  enum class Word : std::uint8_t { kHealthy, kUnhealthy, kOff, kUnknown };
  Word word = Word::kUnknown;
  Observation last;
  std::int64_t since_s = 0;   // of this word
  std::int64_t looked_s = 0;  // 0: never
  unsigned failures = 0;      // of the last outcomes that count
  std::string done;           // what was done about it, last
};

// REQUIRES: the main thread; `supervisor` outlives it; stop() before destruction.
class HealthWatch {
 public:
  HealthWatch(Supervisor& supervisor, Executor executor);

  // Rounds go on from now on, the first after kFirstRound.
  void start();
  Task<void> stop();
  // The next round comes at once: settings have changed.
  void hurry();
  // Makes one, and returns when it has ended. kDenied: probes are off.
  Task<Result<>> round_now();

  std::vector<HealthState> states() const;  // by set and target
  std::int64_t last_round_s() const { return last_round_s_; }
  // Adds what Prometheus is told of each set.
  void measure(metrics::Snapshot& out) const;
  std::size_t mails_waiting() const { return mails_.pending_count(); }
  // Makes probes now, whatever the settings say; nothing follows from them. kUnavailable: there is
  // nothing to try, with the reason; or hauspost-health does not run.
  Task<Result<child::wire::HealthProbeReply>> test(ProbeChoice choice);

  static constexpr Duration kFirstRound = std::chrono::seconds(30);

 private:
  struct Entry {
    health::Monitor monitor;
    Observation last;
    std::string done;
    bool off = false;
    std::uint64_t round = 0;  // when it was seen last
    std::int64_t seen_s = 0;
  };
  using Entries = std::map<std::pair<std::string, std::string>, Entry>;

  Task<void> run();
  Task<void> pause(Duration time);
  Task<void> make_round(directory::HealthSettings settings);
  Task<std::vector<Observation>> look(directory::HealthSettings settings, bool doors);
  bool doors_are_due() const;
  void keep_doors();
  Task<void> try_doors(directory::HealthSettings settings, std::vector<Observation>& seen);
  Task<bool> have_prober(bool wanted);
  void check_clock(std::vector<Observation>& seen);
  void judge(std::vector<Observation> seen, const directory::HealthSettings& settings);
  bool is_gone(const Entry& entry);
  void note(Entry& entry, Observation one, const directory::HealthSettings& settings);
  // health_respond.cc
  void respond(const directory::HealthSettings& settings);
  // What is to be started again for it; empty: nothing, and `why` says the reason.
  std::string culprit(const Entry& entry, std::string& why) const;
  bool failed_now(const std::string& set, const std::string& target = {}) const;
  bool all_doors_failed() const;
  bool in_maintenance(const std::string& component) const;
  ChildProcess* find_component(const std::string& component);
  bool restart(const std::string& component, Entry& entry,
               const directory::HealthSettings& settings);
  void tell(Entry& entry, const directory::HealthSettings& settings, bool broken);
  Task<void> send_mails(directory::HealthSettings settings);

  Supervisor& supervisor_;
  Executor executor_;
  HealthAccess access_;
  Entries entries_;
  health::Restarts restarts_;
  health::Mails mails_;
  std::uint64_t round_ = 0;
  std::int64_t last_round_s_ = 0;
  std::optional<std::chrono::nanoseconds> clock_offset_;  // of the wall clock to the steady one
  Timer timer_;
  bool hurried_ = false;
  bool asked_ = false;             // somebody wants a round with everything
  std::uint64_t doors_round_ = 0;  // the last in which front doors were tried
  bool looking_ = false;           // a round is under way
  bool probing_ = false;           // mailboxes have one user at a time
  Condition probed_;
  Condition rounds_;  // a round has ended
  TaskGroup looks_;   // the pings and probes of a round
  TaskGroup tasks_;
};

}  // namespace hauspost::supervisor
