// LimitsCache: what each mailbox may hold, as the directory says now.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "server/directory/directory.h"
#include "store/types.h"

namespace hauspost::store_worker {

// Thread-safe: the store's writer asks, and the worker's thread. A change of the directory counts
// from the next question on.
class LimitsCache {
 public:
  static constexpr std::size_t kEntriesMax = 100'000;

  // `directory` outlives it. `database` is the name of the one served here: its word holds for
  // mailboxes that the directory does not know, as those without an owner.
  LimitsCache(const directory::DirectoryReader& directory, std::string database)
      : directory_(directory), database_(std::move(database)) {}

  // Fails when the directory cannot be read: for whoever would destroy mail by what it says.
  Result<directory::EffectiveLimits> try_of(const Guid& mailbox);
  // What was known last, at first the defaults, when the directory cannot be read.
  directory::EffectiveLimits of(const Guid& mailbox);
  // For store::OpenOptions::limits: also notes that the mailbox is about to change. Without a
  // quota, and with deleted messages kept, when the directory cannot be read.
  store::MailboxLimits for_store(const Guid& mailbox);

  // Mailboxes with a quota that for_store() was asked about since the last call.
  std::unordered_set<Guid> take_touched();
  // Called (on any thread) when take_touched() has something to give again. REQUIRES: set before
  // the first question and taken back (empty) after the last.
  void set_on_touched(std::function<void()> call);

  const directory::DirectoryReader& directory() const { return directory_; }
  const std::string& database() const { return database_; }

 private:
  struct Entry {
    directory::EffectiveLimits limits;
    std::uint64_t version = 0;  // of the directory; an older one is kept for when reading fails
  };
  Result<directory::EffectiveLimits> read(const Guid& mailbox) const;
  std::optional<directory::EffectiveLimits> last_known(const Guid& mailbox);
  store::MailboxLimits cautious(const Guid& mailbox);

  const directory::DirectoryReader& directory_;
  const std::string database_;
  std::mutex mutex_;  // guards what follows
  std::unordered_map<Guid, Entry> entries_;
  std::unordered_set<Guid> touched_;
  std::function<void()> on_touched_;
};

}  // namespace hauspost::store_worker
