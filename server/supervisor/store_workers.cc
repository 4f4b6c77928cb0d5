#include "server/supervisor/store_workers.h"

#include <unistd.h>

#include <fmt/format.h>

#include "base/text.h"

namespace hauspost::supervisor {

namespace {

constexpr Duration kMaintenanceStart = std::chrono::seconds(10);

}  // namespace

Result<> StoreWorkers::open_sockets(Worker& worker) {
  const std::string& run_dir = plan_.common.run_dir;
  std::optional<gid_t> group;
  if (plan_.common.users.switching) group = plan_.common.users.group;
  if (!worker.session) {
    TRY_ASSIGN(worker.session,
               listen_unix(child::store_session_socket(run_dir, worker.entry.name), group));
  }
  if (!worker.delivery) {
    TRY_ASSIGN(worker.delivery,
               listen_unix(child::store_delivery_socket(run_dir, worker.entry.name), group));
  }
  return {};
}

void StoreWorkers::close_sockets(Worker& worker) {
  const std::string& run_dir = plan_.common.run_dir;
  worker.session.reset();
  worker.delivery.reset();
  ::unlink(child::store_session_socket(run_dir, worker.entry.name).c_str());
  ::unlink(child::store_delivery_socket(run_dir, worker.entry.name).c_str());
}

std::unique_ptr<ChildProcess> StoreWorkers::make_process(Worker& worker) {
  ChildSpec spec;
  spec.name = "store " + worker.entry.name;
  spec.program = plan_.program;
  spec.inherited = plan_.inherited;
  spec.restart = plan_.restart;
  // The worker's place in the map does not move.
  spec.settings = [this, &worker] {
    child::Settings settings = plan_.common;
    settings.role = child::Role::kStore;
    settings.database = worker.entry.name;
    settings.database_guid = worker.entry.guid;
    settings.database_path = worker.entry.path;
    settings.epoch = worker.entry.epoch;
    settings.create_database = !worker.entry.initialised;
    return settings;
  };
  spec.listeners = [&worker] {
    return std::vector<child::NamedDescriptor>{{"session", worker.session.get()},
                                               {"delivery", worker.delivery.get()}};
  };
  spec.on_ready = [this, &worker] {
    worker.entry.initialised = true;
    plan_.on_ready(worker.entry.name);
  };
  // Whoever connects is refused at once instead of waiting for nobody.
  spec.on_quarantine = [this, &worker] { close_sockets(worker); };
  return std::make_unique<ChildProcess>(executor_, std::move(spec));
}

Result<> StoreWorkers::mount(const directory::DatabaseEntry& entry) {
  if (maintenance_.contains(ascii_lower(entry.name))) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("work on the files of database {} is under way; see: hauspost job list",
                            entry.name));
  }
  Worker& worker = workers_[ascii_lower(entry.name)];
  if (worker.process) {
    const auto state = worker.process->facts().state;
    if (state != ChildProcess::State::kQuarantined) {
      return fail(ErrorCode::kExists, fmt::format("database {} is mounted already", entry.name));
    }
  }
  worker.entry = entry;
  const auto opened = open_sockets(worker);
  if (!opened) {
    close_sockets(worker);
    if (!worker.process) workers_.erase(ascii_lower(entry.name));
    return opened;
  }
  if (!worker.process) worker.process = make_process(worker);
  worker.process->start();
  return {};
}

Task<void> StoreWorkers::dismount(std::string name, Duration patience) {
  const auto found = workers_.find(ascii_lower(name));
  if (found == workers_.end()) co_return;
  co_await found->second.process->stop(patience);
  close_sockets(found->second);
  workers_.erase(found);
}

Task<void> StoreWorkers::stop_all(Duration patience) {
  TaskGroup stopping(executor_);
  for (auto& [name, worker] : workers_) {
    stopping.spawn("store.stop", worker.process->stop(patience));
  }
  for (auto& [name, process] : maintenance_) {
    stopping.spawn("maintenance.stop", process->stop(patience));
  }
  co_await stopping.join();
  for (auto& [name, worker] : workers_) close_sockets(worker);
  workers_.clear();
  maintenance_.clear();
}

Task<Result<ChildProcess*>> StoreWorkers::begin_maintenance(directory::DatabaseEntry entry) {
  const std::string key = ascii_lower(entry.name);
  if (workers_.contains(key))
    co_return fail(ErrorCode::kExists, fmt::format("database {} is mounted", entry.name));
  if (maintenance_.contains(key)) {
    co_return fail(ErrorCode::kExists,
                   fmt::format("work on the files of database {} is under way", entry.name));
  }
  ChildSpec spec;
  spec.name = "maintenance " + entry.name;
  spec.program = plan_.program;
  spec.inherited = plan_.inherited;
  spec.restart = plan_.restart;
  spec.restart.quarantine_deaths = 1;  // its job is lost with it: nothing to start again for
  child::Settings settings = plan_.common;
  settings.role = child::Role::kStore;
  settings.database = entry.name;
  settings.database_guid = entry.guid;
  settings.database_path = entry.path;
  settings.epoch = entry.epoch;
  settings.maintenance = true;
  spec.settings = [settings] { return settings; };
  spec.listeners = [] { return std::vector<child::NamedDescriptor>(); };
  ChildProcess* const process =
      (maintenance_[key] = std::make_unique<ChildProcess>(executor_, std::move(spec))).get();
  process->start();
  if (co_await process->wait_running(kMaintenanceStart)) co_return process;
  const std::string how = process->facts().last_death;
  co_await end_maintenance(entry.name, kMaintenanceStart);
  co_return fail(ErrorCode::kUnavailable,
                 fmt::format("the process for work on database {} does not start ({})", entry.name,
                             how.empty() ? "no answer" : how));
}

Task<void> StoreWorkers::end_maintenance(std::string name, Duration patience) {
  const auto found = maintenance_.find(ascii_lower(name));
  if (found == maintenance_.end()) co_return;
  co_await found->second->stop(patience);
  maintenance_.erase(found);
}

ChildProcess* StoreWorkers::find(std::string_view name) {
  const auto found = workers_.find(ascii_lower(name));
  return found == workers_.end() ? nullptr : found->second.process.get();
}

std::vector<ChildProcess*> StoreWorkers::all() {
  std::vector<ChildProcess*> out;
  for (auto& [name, worker] : workers_) out.push_back(worker.process.get());
  for (auto& [name, process] : maintenance_) out.push_back(process.get());
  return out;
}

}  // namespace hauspost::supervisor
