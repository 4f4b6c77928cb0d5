// Requests: imports and exports of mail. Each is kept in a file of DATA/requests from the moment it
// is accepted until it is removed, and worked at in the store worker of its mailbox's database: a
// few at once, the most urgent first. What dies in between, here or there, is gone on with.
#pragma once

#include <list>
#include <memory>

#include "server/supervisor/jobs.h"
#include "server/supervisor/transfer_request.h"

namespace hauspost::supervisor {

// REQUIRES: the main thread; stop() before destruction.
class Requests {
 public:
  static constexpr std::size_t kRunningMax = 4;
  static constexpr std::size_t kRunningPerDatabaseMax = 2;
  static constexpr std::size_t kRequestsMax = 10'000;
  static constexpr int kAutomaticNames = 10;  // of a mailbox: NAME0 to NAME9
  static constexpr int kDeathsMax = 3;        // of workers, without having come further in between

  Requests(Executor executor, std::string folder, directory::DirectoryWriter& directory,
           StoreWorkers& stores, Jobs& jobs);

  // Reads what is kept; one that does not parse stays and is logged. Blocks.
  Result<> load();
  void start();
  // Those under way go on when the server does. REQUIRES: before Jobs::stop().
  Task<void> stop();

  // Takes over the wish of `request`: its id, times and state, and its name when that is empty, are
  // given here. kExists: the name, or the file of an export, is in use; kExhausted.
  Result<TransferRequest> add(TransferRequest request, bool suspended);
  // By rising age. `mailbox`: nil for all.
  std::vector<TransferRequest> list(bool exports, const Guid& mailbox) const;
  // kNotFound.
  Result<TransferRequest> find(bool exports, const Guid& mailbox, std::string_view name) const;
  // It stops where it is, soon; kExists: it is suspended already or has ended.
  Result<TransferRequest> suspend(const Guid& id);
  // Also one that failed, from where it stood. kExists: it is neither suspended nor failed.
  Result<TransferRequest> resume(const Guid& id);
  // Stops it and forgets it. What was imported stays; what was written of an export goes unless it
  // had ended.
  Task<Result<>> remove(Guid id);
  // What may be changed later: name, priority, limits, time to keep.
  struct Change {
    std::optional<TransferPriority> priority;
    std::optional<std::optional<std::uint64_t>> bad_items_max;
    std::optional<std::optional<std::uint64_t>> large_items_max;
    std::optional<std::int64_t> keep_completed_s;
  };
  Result<TransferRequest> change(const Guid& id, const Change& change);

 private:
  struct Entry {
    TransferRequest request;
    std::uint64_t job = 0;  // 0: none
    std::string database;   // where the job works
    bool stop_asked = false;
    bool removing = false;
    int deaths = 0;
    std::uint64_t done_at_death = 0;
    std::chrono::steady_clock::time_point not_before{};
    std::chrono::steady_clock::time_point began{};
  };
  Entry* entry_of(const Guid& id);
  std::string path_of(const Guid& id) const;
  Result<> keep(const TransferRequest& request) const;
  void keep_or_log(const TransferRequest& request) const;
  Result<> give_name(TransferRequest& request) const;
  Task<void> schedule();
  Entry* next_to_run();
  Result<std::string> database_of(const TransferRequest& request) const;
  Task<void> work(Guid id);
  void ended(Entry& entry, const JobFacts& facts);
  void broke_off(Entry& entry, const Error& error);
  void note_progress(Entry& entry, const JobFacts& facts);
  Task<void> forget(TransferRequest request);
  void drop_old();

  Executor executor_;
  const std::string folder_;
  directory::DirectoryWriter& directory_;
  StoreWorkers& stores_;
  Jobs& jobs_;
  std::list<Entry> entries_;  // oldest first; tasks find theirs anew
  Condition changed_;
  bool stopping_ = false;
  TaskGroup tasks_;
};

}  // namespace hauspost::supervisor
