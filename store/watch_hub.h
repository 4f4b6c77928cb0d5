// WatchHub: carries events from the writer's thread to the sessions that listen.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/signal.h"
#include "store/mailbox_watch.h"

namespace hauspost::store {

// One listener. The hub writes, the session takes.
struct FolderWatch::Ear {
  Ear(Executor on, Signal& wake, FolderId of) : executor(on), signal(&wake), folder(of) {}

  // Any thread.
  void tell(const FolderEvent& event, const std::shared_ptr<Ear>& self);

  Executor executor;
  Signal* signal;  // touched on the executor's thread only, and only while `listening`
  const FolderId folder;
  std::mutex mutex;  // guards what follows
  Taken taken;
  bool listening = true;
  bool posted = false;  // a notification is under way already
};

struct MailboxWatch::Ear {
  Ear(Executor on, Signal& wake, MailboxId of, const Actor& actor)
      : executor(on), signal(&wake), mailbox(of), session(actor.session), user(actor.user) {}

  // Any thread. True: there is news, and wake_up() must follow.
  bool hear(const FolderEvent& event);
  void wake_up(const std::shared_ptr<Ear>& self);

  Executor executor;
  Signal* signal;  // as above
  const MailboxId mailbox;
  const Guid session;
  const Guid user;
  std::mutex mutex;  // guards what follows
  Taken taken;
  bool listening = true;
  bool posted = false;

 private:
  void note(const FolderEvent& event);
  void note_folder(FolderId folder, unsigned what);
};

// Thread-safe.
class WatchHub {
 public:
  void add(std::shared_ptr<FolderWatch::Ear> ear);
  void remove(const std::shared_ptr<FolderWatch::Ear>& ear);
  void add(std::shared_ptr<MailboxWatch::Ear> ear);
  void remove(const std::shared_ptr<MailboxWatch::Ear>& ear);
  void tell(std::span<const FolderEvent> events);

  // \Recent: see Database::claim_recent. Forgets at the end of the mount.
  Uid claim_recent(FolderId folder, Uid uid_next);
  Uid recent_from(FolderId folder, Uid uid_next) const;

 private:
  void note_recent(const FolderEvent& event);

  mutable std::mutex mutex_;
  // Shared with the watches: either side may go first.
  std::unordered_map<FolderId, std::vector<std::shared_ptr<FolderWatch::Ear>>> ears_;
  std::unordered_map<MailboxId, std::vector<std::shared_ptr<MailboxWatch::Ear>>> mailbox_ears_;
  std::unordered_map<FolderId, Uid> recent_from_;  // first UID nobody has claimed yet
};

}  // namespace hauspost::store
