// Notifier: what a client is told of besides the messages of its selected mailbox: what NOTIFY asks
// for (RFC 5465), and changed metadata (RFC 5464 section 4.4.2).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/imap/command.h"
#include "store/mailbox_watch.h"

namespace hauspost::imap {

class Session;

// What a filter looks at.
struct WatchedName {
  std::string path;
  bool subscribed = false;
  bool own = true;  // not of those that others share
};
WatchedName watched_name(const Session& session, const store::Folder& folder);
// Whether `filter` names that mailbox. Filters of the selected mailbox name none here: which one
// that is, the session knows.
bool filter_matches(const MailboxFilter& filter, const WatchedName& name);

// What the client hears of its selected mailbox.
struct SelectedNews {
  bool messages = true;  // of new and expunged ones at all
  bool flags = true;
  bool pushed = false;                            // not only with the answers to commands
  bool pushed_expunges = false;                   // these too
  const std::vector<FetchItem>* items = nullptr;  // told of new messages; null: EXISTS alone
};

// REQUIRES: one thread; outlived by its session. A session that never asked for anything has none.
class Notifier {
 public:
  explicit Notifier(Session& session) : session_(session) {}

  // NOTIFY SET and NOTIFY NONE: replaces what was asked for before.
  void set(NotifyRequest request);
  // ENABLE METADATA.
  void enable_metadata();

  // NOTIFY SET holds: news are told without a command too.
  bool pushes() const { return wanted_ && !wanted_->groups.empty(); }
  SelectedNews selected() const;
  // NOTIFY SET STATUS: where each mailbox stands that messages are told of. Errors: the client is
  // gone.
  Task<Result<>> write_status();
  // Writes what others did since the last call. When that was too much to be kept, says so and
  // falls back to NOTIFY NONE (RFC 5465 section 5.8). Errors: the client is gone.
  Task<Result<>> announce();

 private:
  using Names = std::map<store::FolderId, WatchedName>;

  void listen();
  // The events that any group asks for in that mailbox; several may speak of it (section 6).
  unsigned events_of(const WatchedName& name) const;
  bool wants(unsigned events) const;
  // Some group may speak of what others share.
  bool reaches_shared() const;
  std::vector<store::Folder> folders() const;
  Task<Result<>> tell(store::MailboxId mailbox, const store::MailboxWatch::Taken& taken);
  Task<Result<>> tell_names(bool by_others);
  void tell_name(const store::Folder& folder, const Names& before);
  void tell_messages(const store::Folder& folder, unsigned what);
  void tell_metadata(store::MailboxId mailbox, const std::set<store::MailboxWatch::Entry>& entries);
  std::optional<std::string> metadata_path(store::MailboxId mailbox, store::FolderId id) const;

  Session& session_;
  std::optional<NotifyRequest> wanted_;  // nullopt: NOTIFY was never used
  bool metadata_ = false;
  std::map<store::MailboxId, std::unique_ptr<store::MailboxWatch>> watches_;
  Names names_;  // as the client knows them; kept only when some group asks for names
};

}  // namespace hauspost::imap
