// StoreWorkers: one store worker for each mounted database, with the sockets it is reached on. The
// sockets stay open while a worker is started again: connections wait in their backlog.
#pragma once

#include <map>

#include "server/directory/directory.h"
#include "server/supervisor/child_process.h"
#include "server/supervisor/sockets.h"

namespace hauspost::supervisor {

struct WorkerPlan {
  std::string program;
  child::Settings common;  // what every child is told
  std::vector<int> inherited;
  RestartPolicy::Limits restart;
  std::function<void(const std::string& database)> on_ready;  // after each start
};

// REQUIRES: the main thread. stop_all() before destruction.
class StoreWorkers {
 public:
  StoreWorkers(Executor executor, WorkerPlan plan) : executor_(executor), plan_(std::move(plan)) {}

  // Opens the sockets and starts the worker, also out of quarantine. kExists: it runs already.
  Result<> mount(const directory::DatabaseEntry& entry);
  // Ends the worker and closes its sockets. No effect when it is not mounted.
  Task<void> dismount(std::string name, Duration patience);
  Task<void> stop_all(Duration patience);

  // A process for jobs on the files of a dismounted database; nothing is mounted meanwhile. Returns
  // once it runs. kExists: there is one, or it is mounted; kUnavailable: it does not start.
  Task<Result<ChildProcess*>> begin_maintenance(directory::DatabaseEntry entry);
  Task<void> end_maintenance(std::string name, Duration patience);

  // Null when not mounted.
  ChildProcess* find(std::string_view name);
  std::vector<ChildProcess*> all();  // by name, maintenance behind workers

 private:
  struct Worker {
    directory::DatabaseEntry entry;
    UniqueFd session;
    UniqueFd delivery;
    std::unique_ptr<ChildProcess> process;
  };
  Result<> open_sockets(Worker& worker);
  void close_sockets(Worker& worker);
  std::unique_ptr<ChildProcess> make_process(Worker& worker);

  Executor executor_;
  WorkerPlan plan_;
  std::map<std::string, Worker> workers_;  // by name in lower case
  std::map<std::string, std::unique_ptr<ChildProcess>> maintenance_;  // likewise
};

}  // namespace hauspost::supervisor
