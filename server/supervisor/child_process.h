// ChildProcess: one child kept running. Starts it, notices its end, starts it again after the
// policy's delay, and stops it when told.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/link/rpc.h"
#include "server/child/child.h"
#include "server/supervisor/restart_policy.h"
#include "server/supervisor/spawn.h"

namespace hauspost::supervisor {

struct ChildSpec {
  std::string name;     // "store DB1"
  std::string program;  // absolute path
  // Asked at each start. The descriptors stay the asked one's.
  std::function<child::Settings()> settings;
  std::function<std::vector<child::NamedDescriptor>()> listeners;
  std::vector<int> inherited;
  RestartPolicy::Limits restart;
  std::function<void()> on_ready;       // it has answered, after each start; may be empty
  std::function<void()> on_quarantine;  // it will not be started again by itself; may be empty
};

// REQUIRES: the main thread. stop() before destruction.
class ChildProcess {
 public:
  enum class State { kStopped, kStarting, kRunning, kWaiting, kQuarantined, kStopping };

  ChildProcess(Executor executor, ChildSpec spec);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Starts it and keeps it running; forgets earlier deaths. No effect unless stopped or
  // quarantined.
  void start();
  // SIGTERM, and SIGKILL after `patience`; returns when it has ended.
  Task<void> stop(Duration patience);
  // Ends this life in the same way and starts the next at once; returns without waiting.
  void restart(Duration patience);
  // Waits until it runs (true), or is known not to: it has died since the call, is stopped or
  // quarantined, or `timeout` passed (false).
  Task<bool> wait_running(Duration timeout);

  // Null unless running. Shared with calls under way, which fail with kUnavailable when it dies.
  std::shared_ptr<link::RpcClient> control() const;

  struct Facts {
    State state = State::kStopped;
    pid_t pid = 0;
    std::int64_t started_s = 0;  // Unix time of this life
    std::uint64_t crashes = 0;   // abnormal ends since the construction
    std::string last_death;
  };
  const Facts& facts() const { return facts_; }
  const std::string& name() const { return spec_.name; }

 private:
  Task<void> keep_running();
  Task<Death> live_once();
  Task<void> greet(std::shared_ptr<link::RpcClient> control);
  Task<void> wait_end(int pidfd);
  Task<void> pause(Duration delay);
  bool record(const Death& death, Duration lived);
  void terminate(Duration patience);
  void enter(State state);

  Executor executor_;
  ChildSpec spec_;
  RestartPolicy policy_;
  Facts facts_;
  std::shared_ptr<link::RpcClient> control_;
  std::string failure_;  // why this life does not start, in the child's words
  Duration delay_{};  // until the next start
  Timer pause_;
  Deadline patience_;         // then SIGKILL
  Condition changed_;         // of facts_
  std::uint64_t deaths_ = 0;  // also normal ones
  bool told_to_stop_ = false;
  bool told_to_restart_ = false;
  TaskGroup tasks_;
};

}  // namespace hauspost::supervisor
