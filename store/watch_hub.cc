#include "store/watch_hub.h"

#include <algorithm>
#include <asio/post.hpp>

namespace hauspost::store {

namespace {

// Wakes the ear's session. REQUIRES: under the ear's lock: once its watch has had that, nothing
// reaches for the executor again.
template <class Ear>
void wake(const std::shared_ptr<Ear>& ear) {
  if (std::exchange(ear->posted, true)) return;
  asio::post(ear->executor, [ear] {
    {
      const std::scoped_lock inner(ear->mutex);
      ear->posted = false;
      if (!ear->listening) return;
    }
    // This is the thread that would destroy the watch, so `signal` is still there.
    ear->signal->notify();
  });
}

template <class Ears, class Id, class Ear>
void forget(Ears& ears, Id id, const std::shared_ptr<Ear>& ear) {
  const auto found = ears.find(id);
  if (found == ears.end()) return;
  std::erase(found->second, ear);
  if (found->second.empty()) ears.erase(found);
}

}  // namespace

void FolderWatch::Ear::tell(const FolderEvent& event, const std::shared_ptr<Ear>& self) {
  const std::scoped_lock lock(mutex);
  if (!listening) return;
  if (taken.events.size() >= kEventsMax) {
    taken.overflowed = true;
    taken.events.clear();
  }
  if (!taken.overflowed) taken.events.push_back(event);
  wake(self);
}

bool MailboxWatch::Ear::hear(const FolderEvent& event) {
  if (!event.identity.is_nil() && event.identity != user) return false;
  const std::scoped_lock lock(mutex);
  if (!listening) return false;
  note(event);
  return !taken.empty();
}

void MailboxWatch::Ear::wake_up(const std::shared_ptr<Ear>& self) {
  const std::scoped_lock lock(mutex);
  if (listening) wake(self);
}

void MailboxWatch::Ear::note(const FolderEvent& event) {
  using enum FolderEvent::Kind;
  const bool own = event.session == session;
  switch (event.kind) {
    case kCreated:
    case kRenamed:
    case kDeleted:
    case kSubscribed:
      taken.names_changed = true;
      if (!own) note_folder(event.folder, kNamed | (event.kind == kCreated ? kMade : 0));
      break;
    case kAppended:
      if (!own) note_folder(event.folder, kMessagesCame);
      break;
    case kExpunged:
      if (!own) note_folder(event.folder, kMessagesWent);
      break;
    case kFlags:
      if (!own) note_folder(event.folder, kFlagsChanged);
      break;
    case kMetadata:
      if (own) break;
      if (taken.metadata.size() >= kMetadataPendingMax) {
        taken.overflowed = true;
      } else {
        taken.metadata.insert({event.folder, event.identity, event.metadata});
      }
      break;
  }
}

void MailboxWatch::Ear::note_folder(FolderId folder, unsigned what) {
  if (taken.folders.size() >= kPendingMax && !taken.folders.contains(folder)) {
    taken.overflowed = true;
  } else {
    taken.folders[folder] |= what;
  }
}

void WatchHub::add(std::shared_ptr<FolderWatch::Ear> ear) {
  const std::scoped_lock lock(mutex_);
  ears_[ear->folder].push_back(std::move(ear));
}

void WatchHub::remove(const std::shared_ptr<FolderWatch::Ear>& ear) {
  const std::scoped_lock lock(mutex_);
  forget(ears_, ear->folder, ear);
}

void WatchHub::add(std::shared_ptr<MailboxWatch::Ear> ear) {
  const std::scoped_lock lock(mutex_);
  mailbox_ears_[ear->mailbox].push_back(std::move(ear));
}

void WatchHub::remove(const std::shared_ptr<MailboxWatch::Ear>& ear) {
  const std::scoped_lock lock(mutex_);
  forget(mailbox_ears_, ear->mailbox, ear);
}

void WatchHub::tell(std::span<const FolderEvent> events) {
  const std::scoped_lock lock(mutex_);
  // Woken at the end: what happened together is told together.
  std::vector<std::shared_ptr<MailboxWatch::Ear>> heard;
  for (const FolderEvent& event : events) {
    note_recent(event);
    if (const auto found = ears_.find(event.folder); found != ears_.end()) {
      for (const auto& ear : found->second) ear->tell(event, ear);
    }
    if (const auto found = mailbox_ears_.find(event.mailbox); found != mailbox_ears_.end()) {
      for (const auto& ear : found->second) {
        if (ear->hear(event)) heard.push_back(ear);
      }
    }
  }
  for (const auto& ear : heard) ear->wake_up(ear);
}

void WatchHub::note_recent(const FolderEvent& event) {
  if (event.kind == FolderEvent::Kind::kDeleted) {
    recent_from_.erase(event.folder);
  } else if (event.kind == FolderEvent::Kind::kAppended) {
    recent_from_.try_emplace(event.folder, Uid(event.uids.ranges().front().first));
  }
}

Uid WatchHub::claim_recent(FolderId folder, Uid uid_next) {
  const std::scoped_lock lock(mutex_);
  const auto found = recent_from_.find(folder);
  if (found == recent_from_.end()) return uid_next;
  const Uid first = found->second;
  if (first >= uid_next) return uid_next;
  // What comes later enters again by note_recent.
  recent_from_.erase(found);
  return first;
}

Uid WatchHub::recent_from(FolderId folder, Uid uid_next) const {
  const std::scoped_lock lock(mutex_);
  const auto found = recent_from_.find(folder);
  return found == recent_from_.end() ? uid_next : std::min(found->second, uid_next);
}

}  // namespace hauspost::store
