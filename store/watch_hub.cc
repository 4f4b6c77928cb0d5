#include "store/watch_hub.h"

#include <algorithm>
#include <asio/post.hpp>

namespace hauspost::store {

void FolderWatch::Ear::tell(const FolderEvent& event, const std::shared_ptr<Ear>& self) {
  const std::scoped_lock lock(mutex);
  if (!listening) return;
  if (taken.events.size() >= kEventsMax) {
    taken.overflowed = true;
    taken.events.clear();
  }
  if (!taken.overflowed) taken.events.push_back(event);
  if (std::exchange(posted, true)) return;
  // Posted under the lock: once ~FolderWatch has had it, nothing reaches for the executor again.
  asio::post(executor, [self] {
    {
      const std::scoped_lock inner(self->mutex);
      self->posted = false;
      if (!self->listening) return;
    }
    // This is the thread that would destroy the watch, so `signal` is still there.
    self->signal->notify();
  });
}

void WatchHub::add(std::shared_ptr<FolderWatch::Ear> ear) {
  const std::scoped_lock lock(mutex_);
  ears_[ear->folder].push_back(std::move(ear));
}

void WatchHub::remove(const std::shared_ptr<FolderWatch::Ear>& ear) {
  const std::scoped_lock lock(mutex_);
  const auto found = ears_.find(ear->folder);
  if (found == ears_.end()) return;
  std::erase(found->second, ear);
  if (found->second.empty()) ears_.erase(found);
}

void WatchHub::tell(std::span<const FolderEvent> events) {
  const std::scoped_lock lock(mutex_);
  for (const FolderEvent& event : events) {
    note_recent(event);
    const auto found = ears_.find(event.folder);
    if (found == ears_.end()) continue;
    for (const auto& ear : found->second) ear->tell(event, ear);
  }
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
