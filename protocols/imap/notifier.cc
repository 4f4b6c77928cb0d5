#include "protocols/imap/notifier.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocols/imap/list_reply.h"
#include "protocols/imap/mailbox_name.h"
#include "protocols/imap/metadata_name.h"
#include "protocols/imap/session_core.h"
#include "protocols/imap/sharing.h"
#include "protocols/imap/status_reply.h"

namespace hauspost::imap {
namespace {

using store::MailboxWatch;

constexpr unsigned kNameEvents = kMailboxName | kSubscriptionChange;

bool is_or_below(std::string_view path, std::string_view top) {
  if (top.ends_with(store::kHierarchySeparator)) top.remove_suffix(1);
  if (top.empty() || path == top) return true;
  return path.starts_with(top) && path[top.size()] == store::kHierarchySeparator;
}

bool is_at_most_one_below(std::string_view path, std::string_view top) {
  if (!is_or_below(path, top)) return false;
  if (top.ends_with(store::kHierarchySeparator)) top.remove_suffix(1);
  if (path.size() == top.size()) return true;
  const std::string_view below = path.substr(top.empty() ? 0 : top.size() + 1);
  return !below.contains(store::kHierarchySeparator);
}

}  // namespace

WatchedName watched_name(const Session& session, const store::Folder& folder) {
  return {folder.path, folder.subscribed, folder.mailbox == session.mailbox()};
}

bool filter_matches(const MailboxFilter& filter, const WatchedName& name) {
  using enum MailboxFilter::Kind;
  const auto any = [&](auto matches) {
    return std::ranges::any_of(filter.paths,
                               [&](const std::string& given) { return matches(name.path, given); });
  };
  switch (filter.kind) {
    case kSelected:
    case kSelectedDelayed: return false;
    // Any mailbox may be delivered to, so the two are one (RFC 5465 section 6.3).
    case kInboxes:
    case kPersonal: return name.own;
    case kSubscribed: return name.subscribed;
    case kSubtree: return any(is_or_below);
    case kSubtreeOne: return any(is_at_most_one_below);
    case kMailboxes: return any(std::equal_to<std::string_view>());
  }
  return false;
}

void Notifier::set(NotifyRequest request) {
  wanted_ = std::move(request);
  names_.clear();
  watches_.clear();
  listen();
}

void Notifier::enable_metadata() {
  metadata_ = true;
  listen();
}

// Listens before it looks, so that nothing falls between.
void Notifier::listen() {
  const bool others =
      pushes() && std::ranges::any_of(wanted_->groups, [](const NotifyGroup& group) {
        return !group.filter.is_selected() && group.events != 0;
      });
  if (!watches_.empty() || (!others && !metadata_)) return;
  watches_[session_.mailbox()] = session_.watch_mailbox(session_.mailbox());
  if (reaches_shared()) {
    for (const store::Folder& folder : folders()) {
      auto& watch = watches_[folder.mailbox];
      if (watch == nullptr) watch = session_.watch_mailbox(folder.mailbox);
    }
  }
  if (!wants(kNameEvents)) return;
  for (const store::Folder& folder : folders())
    names_.emplace(folder.id, watched_name(session_, folder));
}

bool Notifier::wants(unsigned events) const {
  return wanted_ && std::ranges::any_of(wanted_->groups, [&](const NotifyGroup& group) {
           return (group.events & events) != 0;
         });
}

bool Notifier::reaches_shared() const {
  using enum MailboxFilter::Kind;
  return wanted_ && std::ranges::any_of(wanted_->groups, [](const NotifyGroup& group) {
           return group.filter.kind >= kSubscribed && group.events != 0;
         });
}

std::vector<store::Folder> Notifier::folders() const {
  if (!reaches_shared()) return own_folders(session_);
  std::vector<store::Folder> folders = visible_folders(session_);
  std::erase_if(folders, [](const auto& folder) { return folder.id == store::FolderId(); });
  return folders;
}

unsigned Notifier::events_of(const WatchedName& name) const {
  unsigned events = 0;
  if (!wanted_) return events;
  for (const NotifyGroup& group : wanted_->groups) {
    if (filter_matches(group.filter, name)) events |= group.events;
  }
  return events;
}

SelectedNews Notifier::selected() const {
  if (!wanted_) return {};
  SelectedNews news{.messages = false, .flags = false};
  for (const NotifyGroup& group : wanted_->groups) {
    if (!group.filter.is_selected() || group.events == 0) continue;
    news.messages = news.pushed = true;
    news.flags = (group.events & kFlagChange) != 0;
    news.pushed_expunges = group.filter.kind == MailboxFilter::Kind::kSelected;
    if (!group.items.empty()) news.items = &group.items;
  }
  return news;
}

// RFC 5465 section 3.1 says what each must hold at least, and what is said of a mailbox that may be
// seen but not read.
Task<Result<>> Notifier::write_status() {
  using enum StatusItem;
  for (const store::Folder& folder : folders()) {
    const unsigned events = events_of(watched_name(session_, folder));
    if ((events & kMessageEvents) == 0 || session_.is_selected(folder.id)) continue;
    if ((rights_on(session_, folder) & store::kMayRead) == 0) {
      session_.out().untagged(fmt::format("LIST (\\NoAccess) \"/\" {}",
                                          quoted_mailbox(folder.path, session_.dialect().utf8)));
      continue;
    }
    std::vector<StatusItem> items = {kMessages, kUidNext, kUidValidity};
    const bool flags = (events & kFlagChange) != 0;
    if (flags) items.push_back(kUnseen);
    if ((flags && session_.offers(Extension::kCondstore)) || session_.condstore())
      items.push_back(kHighestModSeq);
    session_.out().untagged(status_reply(session_, folder, items));
    if (session_.out().full()) CO_TRY(co_await session_.out().flush());
  }
  co_return Result<>{};
}

Task<Result<>> Notifier::announce() {
  std::vector<std::pair<store::MailboxId, MailboxWatch::Taken>> news;
  for (const auto& [mailbox, watch] : watches_) {
    if (auto taken = watch->take(); !taken.empty()) news.emplace_back(mailbox, std::move(taken));
  }
  // Who never asked for NOTIFY is told what was kept.
  if (pushes() &&
      std::ranges::any_of(news, [](const auto& one) { return one.second.overflowed; })) {
    session_.out().untagged("OK [NOTIFICATIONOVERFLOW] Too much has happened to tell of it");
    set({});
    co_return Result<>{};
  }
  for (const auto& [mailbox, taken] : news) CO_TRY(co_await tell(mailbox, taken));
  co_return Result<>{};
}

// A mailbox is named before anything is said of it.
Task<Result<>> Notifier::tell(store::MailboxId mailbox, const MailboxWatch::Taken& taken) {
  const bool by_others = std::ranges::any_of(taken.folders, [](const auto& folder) {
    return (folder.second & MailboxWatch::kNamed) != 0;
  });
  if (taken.names_changed && wants(kNameEvents)) CO_TRY(co_await tell_names(by_others));
  for (const auto& [id, what] : taken.folders) {
    if (session_.is_selected(id) || !wants(kMessageEvents)) continue;
    if (const auto found = visible_folder(session_, id)) tell_messages(*found, what);
    if (session_.out().full()) CO_TRY(co_await session_.out().flush());
  }
  tell_metadata(mailbox, taken.metadata);
  co_return Result<>{};
}

// The difference between what is there and what the client knows: however many changes there were,
// it is exact. What the client did itself is only noted (RFC 5465 section 5).
Task<Result<>> Notifier::tell_names(bool by_others) {
  const std::vector<store::Folder> folders = this->folders();
  Names now;
  for (const store::Folder& folder : folders)
    now.emplace(folder.id, watched_name(session_, folder));
  const Names before = std::exchange(names_, std::move(now));
  if (!by_others) co_return Result<>{};
  for (const auto& [id, known] : before) {
    if (names_.contains(id) || (events_of(known) & kMailboxName) == 0) continue;
    session_.out().untagged(fmt::format("LIST (\\NonExistent) \"/\" {}",
                                        quoted_mailbox(known.path, session_.dialect().utf8)));
    if (session_.out().full()) CO_TRY(co_await session_.out().flush());
  }
  for (const store::Folder& folder : folders) {
    tell_name(folder, before);
    if (session_.out().full()) CO_TRY(co_await session_.out().flush());
  }
  co_return Result<>{};
}

void Notifier::tell_name(const store::Folder& folder, const Names& before) {
  const auto found = before.find(folder.id);
  const unsigned events = events_of(watched_name(session_, folder));
  if (found == before.end()) {
    if ((events & kMailboxName) != 0) session_.out().untagged(list_reply(session_, folder, ""));
    return;
  }
  // A filter may speak of what the mailbox was.
  const WatchedName& known = found->second;
  const unsigned either = events | events_of(known);
  const bool renamed = known.path != folder.path;
  if (renamed && (either & kMailboxName) != 0) {
    session_.out().untagged(list_reply(session_, folder, known.path));
  } else if (known.subscribed != folder.subscribed && (either & kSubscriptionChange) != 0) {
    session_.out().untagged(list_reply(session_, folder, ""));
  }
}

void Notifier::tell_messages(const store::Folder& folder, unsigned what) {
  using enum StatusItem;
  if (folder.special_use == store::SpecialUse::kRecoverable ||
      (rights_on(session_, folder) & store::kMayRead) == 0)
    return;
  const unsigned events = events_of(watched_name(session_, folder));
  // A new mailbox may have the name of one that was known: another UIDVALIDITY (section 5.1).
  const bool made = (what & MailboxWatch::kMade) != 0 && (events & kFlagChange) != 0;
  const bool counted = (what & (MailboxWatch::kMessagesCame | MailboxWatch::kMessagesWent)) != 0 &&
                       (events & (kMessageNew | kMessageExpunge)) != 0;
  const bool flagged = (what & MailboxWatch::kFlagsChanged) != 0 && (events & kFlagChange) != 0;
  if (!made && !counted && !flagged) return;
  std::vector<StatusItem> items;
  if (counted || made) items = {kMessages, kUidNext};
  if (flagged || made) items.push_back(kUidValidity);
  if ((events & kFlagChange) != 0) items.push_back(kUnseen);
  if ((flagged && session_.offers(Extension::kCondstore)) || session_.condstore())
    items.push_back(kHighestModSeq);
  session_.out().untagged(status_reply(session_, folder, items));
}

// nullopt: this client is not told of that mailbox's entries. Those of a mailbox as a whole are the
// server's to its own user, and nothing to others.
std::optional<std::string> Notifier::metadata_path(store::MailboxId mailbox,
                                                   store::FolderId id) const {
  if (id == store::FolderId()) {
    const bool told = mailbox == session_.mailbox() && (metadata_ || wants(kServerMetadataChange));
    return told ? std::optional(std::string()) : std::nullopt;
  }
  auto found = visible_folder(session_, id);
  if (!found || (rights_on(session_, *found) & store::kMayRead) == 0) return std::nullopt;
  if (!metadata_ && (events_of(watched_name(session_, *found)) & kMailboxMetadataChange) == 0)
    return std::nullopt;
  return std::move(found->path);
}

// The names alone, those of one mailbox in one response (RFC 5464 section 4.4.2).
void Notifier::tell_metadata(store::MailboxId mailbox,
                             const std::set<MailboxWatch::Entry>& entries) {
  for (auto at = entries.begin(); at != entries.end();) {
    const store::FolderId id = at->folder;
    const auto path = metadata_path(mailbox, id);
    std::string line = "METADATA " + quoted_mailbox(path.value_or(""), session_.dialect().utf8);
    for (; at != entries.end() && at->folder == id; ++at) {
      line += ' ';
      append_entry(line, metadata_entry(at->owner, at->name));
    }
    if (path) session_.out().untagged(line);
  }
}

}  // namespace hauspost::imap
