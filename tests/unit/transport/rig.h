// A whole transport in one thread: a directory made of a map, real store databases behind real
// delivery sockets, a real queue, and sessions over memory streams.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/memory_stream.h"
#include "base/task_group.h"
#include "transport/queue/local_carrier.h"
#include "transport/receive/serve_smtp.h"
#include "transport/resolve/router.h"

namespace hauspost::transport::test {

class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::string path(std::string_view name) const { return (root_ / name).string(); }

 private:
  std::filesystem::path root_;
};

// Local parts of example.org, each with the database its mailbox lives in.
class FakeDirectory final : public Directory {
 public:
  void add(std::string address, Guid mailbox, std::string database, std::string socket);
  void remove(const std::string& address) { entries_.erase(address); }

  Resolved resolve(std::string_view address) const override;
  Result<bool> is_accepted_domain(std::string_view domain) const override;
  Result<bool> owns_address(const Guid& mailbox, std::string_view address) const override;
  Result<SenderRules> sender_rules(const Guid& mailbox) const override;

  // What a mailbox may hold; the rig's workers hold it to that.
  std::map<Guid, store::MailboxLimits> limits;
  std::map<Guid, std::uint64_t> message_bytes_max;
  bool down = false;

 private:
  std::map<std::string, Resolved, std::less<>> entries_;
};

// Time that moves when told to.
class HandClock final : public Clock {
 public:
  WallTime now() const override { return wall; }
  std::chrono::steady_clock::time_point steady() const override { return steady_now; }
  void pass(Seconds seconds) {
    wall += seconds;
    steady_now += seconds;
  }
  WallTime wall = WallTime(std::chrono::seconds(1795288500));  // Sat, 21 Nov 2026 19:15:00 +0000
  std::chrono::steady_clock::time_point steady_now{std::chrono::hours(1)};
};

// No send connectors.
class NoWayOut final : public ConnectorChooser {
 public:
  Way choose(std::string_view, std::uint64_t) const override { return {}; }
};

// A store worker: a database and the loop that accepts transport's connections.
class Worker {
 public:
  Worker(asio::io_context& io, std::string socket, std::string folder, Guid guid,
         const FakeDirectory& directory);
  ~Worker();
  store::Database& database() { return *database_; }

  // The messages of a mailbox's INBOX, oldest first.
  std::vector<std::string> inbox(const Guid& mailbox) const;

 private:
  static Task<void> accept(UnixAcceptor& acceptor, TaskGroup& tasks, store::Database& database);
  static Task<void> serve(UnixSocket socket, store::Database& database);

  asio::io_context& io_;
  std::string socket_;
  std::unique_ptr<store::Database> database_;
  UnixAcceptor acceptor_;
  TaskGroup tasks_;
};

class Rig {
 public:
  Rig();
  ~Rig();

  // Starts the worker of database `name` ("DB1" or "DB2").
  void start_worker(const std::string& name);
  void stop_worker(const std::string& name) { workers.erase(name); }
  std::string socket_of(const std::string& name) const { return folder.path(name + ".sock"); }
  void open_queue();
  void close_queue();
  Services& services() { return *services_; }

  link::SessionStart anonymous() const;
  link::SessionStart user() const;  // anna, on submission

  // Lines "C: ..." are sent, lines "S: ..." must come as written; a '*' stands for any text.
  // Returns how the session ended.
  SessionEnd talk(const link::SessionStart& start, std::string_view transcript);
  // Sends all of `input`, in pieces of `piece`, hangs up, and gives back everything that was said.
  std::string pipe(const link::SessionStart& start, const std::string& input,
                   std::size_t piece = std::string::npos);

  template <class T>
  T wait_for(Task<T> task);
  void wait_until(const std::function<bool()>& condition);

  TempFolder folder;
  asio::io_context io;
  HandClock clock;
  FakeDirectory directory;
  ReceiveLimits limits;
  DeliveryClients clients{io.get_executor()};
  std::unique_ptr<Queue> queue;
  NoWayOut no_way_out;
  DirectoryRouter router{directory, no_way_out};
  LocalCarrier carrier{directory, clients, Milliseconds(60'000)};
  std::map<std::string, std::unique_ptr<Worker>> workers;
  Guid anna = Guid::random();
  Guid bert = Guid::random();
  Guid carl = Guid::random();  // in DB2

 private:
  std::unique_ptr<TaskGroup> queue_tasks_;
  std::unique_ptr<Services> services_;
};

template <class T>
Task<void> keep_result(Task<T> task, std::optional<T>& result) {
  result = co_await std::move(task);
}

template <class T>
T Rig::wait_for(Task<T> task) {
  std::optional<T> result;
  TaskGroup tasks(io.get_executor());
  tasks.spawn("test", keep_result(std::move(task), result));
  wait_until([&] { return tasks.size() == 0; });
  return std::move(*result);
}

}  // namespace hauspost::transport::test
