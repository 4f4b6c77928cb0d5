// DirectoryWriter: changes to the directory. The supervisor alone opens it. Every change is one
// transaction that is durable when the call returns, or refused as a whole with nothing changed.
#pragma once

#include <span>

#include "server/directory/directory.h"

namespace hauspost::directory {

struct MailboxOrder {
  Guid guid = Guid::random();
  std::string address;
  std::vector<std::string> aliases;
  std::string display_name;
  std::string database;  // empty: the one with the fewest mailboxes
  bool shared = false;
};

// REQUIRES: one thread. Refusals: kInvalid (a name breaks a rule), kExists, kNotFound, kDenied (in
// use); kUnavailable and kExhausted when the environment cannot be written. Texts name the object,
// the cause and the next step.
// What `database set` and its kin change; what is not set stays.
struct DatabaseChanges {
  std::optional<bool> mount_at_startup;
  std::optional<std::int64_t> scan_period_s;
  std::optional<std::uint32_t> compact_below_percent;
  std::optional<std::int64_t> keep_log_s;
  std::optional<std::string> path;  // kExists: another database's
  LimitChanges limits = {};
};

// What `mailbox set` says about logging in; what is not set stays.
struct LoginChanges {
  std::optional<bool> imap, pop3, smtp;
  std::optional<bool> protocol_restricted;
  std::optional<bool> app_passwords_only;
};

// What `mailbox set` says about its names; what is not set stays.
struct NameChanges {
  std::optional<std::string> display_name;
  std::vector<std::string> add_aliases;
  std::vector<std::string> remove_aliases;
};

// What `domain set` changes; what is not set stays.
struct DomainChanges {
  std::optional<DomainType> type;
  std::optional<bool> subdomains;
  std::optional<std::string> catch_all;  // an address of ours; empty: none
  std::optional<bool> plus_addressing;
  std::optional<bool> srs;
};

class DirectoryWriter {
 public:
  // Creates the environment when there is none. kInvalid: of a newer format.
  static Result<std::unique_ptr<DirectoryWriter>> open(const std::string& path);
  ~DirectoryWriter();

  // LMDB allows one opening a process: in the supervisor, readers go through the writer's.
  const DirectoryReader& reader() const;
  // Writes a copy of the newest state into an open, empty file; blocks. Any thread, also while
  // changes are made.
  Result<> copy_to(int descriptor) const;

  // Not mounted yet. `path` is absolute, and no other database's.
  Result<DatabaseEntry> create_database(std::string_view name, std::string path,
                                        std::int64_t now_s);
  // The epoch grows with every call: one call for one mount.
  Result<DatabaseEntry> mount_database(std::string_view name);
  Result<DatabaseEntry> dismount_database(std::string_view name);
  Result<DatabaseEntry> set_database(std::string_view name, const DatabaseChanges& changes);
  // Its files are being brought back: until that ends it is a recovery database.
  Result<DatabaseEntry> begin_restore(std::string_view name);
  // They are there; `epoch` is that of their change log.
  Result<DatabaseEntry> end_restore(std::string_view name, std::uint64_t epoch, bool recovery);
  // Notes that its worker has made its files.
  Result<DatabaseEntry> note_initialised(std::string_view name);
  Result<DatabaseEntry> set_database_limits(std::string_view name, const LimitChanges& changes);
  // kDenied while mailboxes live there or it is mounted. `dry_run`: only says whether it would.
  Result<DatabaseEntry> remove_database(std::string_view name, bool dry_run);

  Result<DomainEntry> add_domain(std::string_view name);
  // kDenied: addresses are in use that it would not allow. kNotFound: no such catch-all address.
  Result<DomainEntry> set_domain(std::string_view name, const DomainChanges& changes);
  // kDenied while an address of it is in use.
  Result<DomainEntry> remove_domain(std::string_view name, bool dry_run);

  // In one transaction; each order stands alone and has its own result. `dry_run`: changes nothing,
  // but says what would become of each.
  Result<std::vector<Result<MailboxEntry>>> create_mailboxes(std::span<const MailboxOrder> orders,
                                                             std::int64_t now_s, bool dry_run);
  Result<MailboxEntry> remove_mailbox(const Guid& guid);
  // The database's health mailbox, made when there is none, with `token`@kSystemDomain as the only
  // address at which it gets mail. kNotFound: no such database; kInvalid: the token.
  Result<MailboxEntry> renew_health_mailbox(std::string_view database, std::string_view token,
                                            std::int64_t now_s);
  // Whether the user may open the mailbox as if it were their own. kDenied: both must live in one
  // database; kInvalid: it is their own, or a shared mailbox is to be granted something.
  Result<> set_full_access(const Guid& user, const Guid& mailbox, bool granted);
  // Every mailbox of `from` lives in `to` from now on; no mail is moved. Returns how many. kDenied:
  // `from` is mounted, or `to` a recovery database.
  Result<std::uint64_t> move_mailboxes(std::string_view from, std::string_view to);
  Result<MailboxEntry> set_mailbox_limits(const Guid& guid, const LimitChanges& changes);
  // `names` are capabilities as protocols/imap/extensions.h knows them.
  Result<MailboxEntry> set_mailbox_imap_without(const Guid& guid, std::vector<std::string> names);
  // All of it or nothing. kNotFound: no alias of it; kExists: somebody has the address; kExhausted:
  // too many.
  Result<MailboxEntry> set_mailbox_names(const Guid& guid, const NameChanges& changes);
  Result<MailboxEntry> set_mailbox_login(const Guid& guid, const LoginChanges& changes);

  // Where its mail goes too, or instead; empty: nowhere else. kInvalid: its own address.
  Result<MailboxEntry> set_forwarding(const Guid& guid, const std::string& to, bool keep_copy);

  // writer_recipients.cc
  // `dry_run`: changes nothing, but says what would become of it.
  Result<RecipientEntry> create_recipient(const RecipientOrder& order, std::int64_t now_s,
                                          bool dry_run);
  Result<RecipientEntry> set_recipient(const Guid& guid, const RecipientChanges& changes);
  Result<RecipientEntry> remove_recipient(const Guid& guid, bool dry_run);
  // writer_groups.cc
  // One result a member: kExists, kNotFound (nobody here has the address), kInvalid (the group
  // itself), kExhausted. An address of a foreign domain is a member as it stands.
  Result<std::vector<Result<GroupMember>>> add_members(const Guid& group,
                                                       std::span<const std::string> addresses);
  // kNotFound: not a member.
  Result<std::vector<Result<GroupMember>>> remove_members(const Guid& group,
                                                          std::span<const std::string> addresses,
                                                          bool dry_run);
  // As what `user` may send under the addresses of `as`, a mailbox or group; nullopt: not at all.
  Result<> set_send_grant(const Guid& user, const Guid& as, std::optional<SendGrant> grant);

  // One transaction. kInvalid: no such service.
  Result<> set_services(std::span<const std::string> names, bool enabled);
  Result<> set_setting(std::string_view key, std::string_view value);

 private:
  class Impl;
  explicit DirectoryWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hauspost::directory
