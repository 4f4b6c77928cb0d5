// MailboxWatch: a session's ear on a whole mailbox. It keeps which folders had what kind of news,
// not each event, so that it costs memory by the folders that changed since the last look.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "store/database.h"

namespace hauspost::store {

class MailboxWatch {
 public:
  // Beyond this many folders or metadata entries nothing more is kept until the next take().
  static constexpr std::size_t kPendingMax = 20'000;
  static constexpr std::size_t kMetadataPendingMax = 1000;

  // What the actor's session does itself is no news, nor what its user cannot see. `signal` must
  // outlive the watch; both belong to the thread of `executor`.
  MailboxWatch(Database& database, MailboxId mailbox, const Actor& actor, Executor executor,
               Signal& signal);
  ~MailboxWatch();
  MailboxWatch(const MailboxWatch&) = delete;
  MailboxWatch& operator=(const MailboxWatch&) = delete;

  // Bits of what happened in a folder.
  static constexpr unsigned kMessagesCame = 1;
  static constexpr unsigned kMessagesWent = 2;
  static constexpr unsigned kFlagsChanged = 4;
  static constexpr unsigned kNamed = 8;  // created, renamed, deleted, subscribed or its reverse
  static constexpr unsigned kMade = 16;  // created
  struct Entry {
    FolderId folder;  // 0: of the mailbox as a whole
    Guid owner;       // nil: shared
    std::string name;
    auto operator<=>(const Entry&) const = default;
  };
  struct Taken {
    std::map<FolderId, unsigned> folders;
    bool names_changed = false;  // by anybody: `session` too
    std::set<Entry> metadata;
    bool overflowed = false;  // there was more than this
    bool empty() const {
      return folders.empty() && !names_changed && metadata.empty() && !overflowed;
    }
  };
  Taken take();

  struct Ear;  // of the store's own

 private:
  Database& database_;
  std::shared_ptr<Ear> ear_;  // shared with the hub, which may be telling it just now
};

}  // namespace hauspost::store
