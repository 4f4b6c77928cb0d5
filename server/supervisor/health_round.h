// One round of the watch over the server's health: what is looked at, and what was seen.
#pragma once

#include <string>
#include <vector>

#include "base/async.h"
#include "base/log.h"
#include "base/task_group.h"
#include "server/directory/health_settings.h"

namespace hauspost::child::wire {
class HealthProbeReply;
class HealthProbeRequest;
class HealthResult;
}  // namespace hauspost::child::wire

namespace hauspost::supervisor {

class ChildProcess;
class Supervisor;

// What is known of one target of one health set.
struct Observation {
  enum class Outcome : std::uint8_t { kGood, kFailed, kSkipped };
  std::string set;     // "imap"
  std::string target;  // "DB1"; empty: the set has one target alone
  Outcome outcome = Outcome::kGood;
  Duration time{};
  std::string text;       // why it failed or was skipped
  std::string step;       // of a probe: where it ended
  bool answered = false;  // of kFailed: what was asked lives and says no, so that no restart helps
  bool at_once = false;   // one failure is a fault: a fact, not an attempt
  bool door = false;      // seen through a front door

  std::string name() const { return target.empty() ? set : set + " " + target; }
};

// How probes get in, for this start of the server.
struct HealthAccess {
  Secret password;
  std::string mail_token;  // of the addresses of health mailboxes
};
HealthAccess make_health_access();

// Which probes are wanted.
struct ProbeChoice {
  bool listeners = true, imap = true, pop3 = true, smtp = true, submission = true, mailflow = true;
  std::string database;  // empty: all
};

// Makes health mailboxes where they are missing, tells auth the password, and lists the probes that
// can be made now: of services that are on and active, and of databases that run.
Task<Result<child::wire::HealthProbeRequest>> plan_probes(Supervisor& supervisor,
                                                          const HealthAccess& access,
                                                          const directory::HealthSettings& settings,
                                                          const ProbeChoice& choice);
// Has hauspost-health make them. kUnavailable: it does not run, or did not answer.
Task<Result<child::wire::HealthProbeReply>> make_probes(
    Supervisor& supervisor, const child::wire::HealthProbeRequest& request);
// Each result as observations: IMAP's search stands apart.
void read_results(const child::wire::HealthProbeReply& reply, std::vector<Observation>& out);

// Whether every child answers the supervisor. `seen` is whole when the tasks in `group` have ended,
// and must not change before.
void ping_children(Supervisor& supervisor, Duration timeout, TaskGroup& group,
                   std::vector<Observation>& seen);

// health_checks.cc: disks, certificates, queue, backups.
Task<std::vector<Observation>> check_server(Supervisor& supervisor,
                                            const directory::HealthSettings& settings);
// Notes the backups that have ended since the last call.
void note_backups(Supervisor& supervisor);

}  // namespace hauspost::supervisor
