// Directory: the organisation's data, one LMDB environment that the supervisor writes and every
// role maps read-only. A look-up is a memory read; a change is visible to the next one. No password
// material here.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "server/directory/limits.h"
#include "server/directory/recipients.h"

namespace hauspost::directory {

// The services an administrator switches. "imap" and "pop3" are the front-end's listeners,
// "imap-backend" and "pop3-backend" what store workers offer behind them.
struct ServiceInfo {
  std::string_view name;
  bool enabled_by_default = false;
};
inline constexpr ServiceInfo kServices[] = {{"imap", false}, {"imap-backend", false},
                                            {"pop3", false}, {"pop3-backend", false},
                                            {"smtp", true},  {"submission", true},
                                            {"web", false}};

// How a database looks after its files. Times in seconds.
struct MaintenanceSettings {
  std::int64_t scan_period_s = 7LL * 24 * 3600;  // every byte is read once in it; 0: never
  std::uint32_t compact_below_percent = 50;      // live share of a segment; 0: only on demand
  std::int64_t keep_log_s = 0;                   // segments younger than this stay
  bool operator==(const MaintenanceSettings&) const = default;
};

struct DatabaseEntry {
  Guid guid;
  std::string name;  // at most 64 characters, unique without regard to case
  std::string path;  // absolute folder of its active copy
  bool mount_at_startup = true;
  bool mounted = true;      // what the administrator wants now; the worker may be down all the same
  std::uint64_t epoch = 0;  // grows at each mount
  std::int64_t created_s = 0;
  bool initialised = false;  // its files were made: from then on an empty folder is a loss
  bool recovery = false;  // only a source for `mailbox restore`: never mounted, no mailbox's home
  MaintenanceSettings maintenance;
  Limits limits;             // of its mailboxes, where they say nothing of their own
};

// What becomes of addresses of a domain that nobody here has.
enum class DomainType : std::uint8_t {
  kAuthoritative,  // they do not exist
  kInternalRelay,  // another system of ours has them: mail goes on by a send connector
  kExternalRelay,  // all of them are elsewhere: nobody here has an address of it
};

struct DomainEntry {
  std::string name;  // lower case, A-label form
  DomainType type = DomainType::kAuthoritative;
  bool subdomains = false;      // every domain below it is meant too
  std::string catch_all = {};   // who gets mail for what does not exist; empty: nobody
  bool plus_addressing = true;  // user+detail is user, where nobody is named so
  bool srs = true;              // reverse-paths of what its mailboxes forward outside are rewritten
};

// A mailbox that somebody opens who is not its owner.
struct OpenedMailbox {
  Guid guid;
  std::string address;
  std::string database;
};

struct MailboxEntry {
  Guid guid;
  std::string address;  // primary, lower-case domain
  std::vector<std::string> aliases;
  std::string display_name;
  std::string database;  // DatabaseEntry::name
  bool enabled = true;   // receives and logs in
  bool imap = true;      // may log in over ...
  bool pop3 = true;
  bool smtp = true;
  bool protocol_restricted = false;  // S3-12: never over IMAP or POP3
  std::int64_t created_s = 0;
  Limits limits;  // its own
  bool shared = false;  // nobody's own: it has no password, others are granted access
  // Of find_login("user/mailbox") alone, never stored: what this user opens.
  std::optional<OpenedMailbox> opens = {};
  bool app_passwords_only = false;  // its own password opens nothing
  std::vector<std::string> imap_without = {};  // capabilities that it is not offered
  std::string forward_to = {};                 // an address; empty: nowhere
  bool forward_keeps_copy = true;              // and the mailbox gets the message too
  bool system = false;  // a health mailbox: the server's own, see DirectoryReader::health_mailbox

  // False: a mail user as find_login() shows them, who has no mailbox here.
  bool is_mailbox() const { return !database.empty(); }
};

// The domain of the server's own mailboxes (".internal" is never delegated, ICANN 2024). Nobody can
// add it, mail for it never leaves, and only the delivery address of a health mailbox is known.
inline constexpr std::string_view kSystemDomain = "hauspost.internal";

// What RCPT TO and logins ask.
struct Resolution {
  enum class Kind : std::uint8_t {
    kMailbox,
    kUnknownUser,
    kForeignDomain,
    kRecipient,  // a contact, mail user or group
    kRelay,      // a domain whose unknown addresses are elsewhere
  };
  Kind kind = Kind::kForeignDomain;
  std::optional<MailboxEntry> mailbox;           // of kMailbox
  std::optional<RecipientEntry> recipient = {};  // of kRecipient
};

// Thread-safe; each call is one short read transaction. An environment that cannot be read answers
// as kUnavailable, never as "unknown".
class DirectoryReader {
 public:
  static Result<std::unique_ptr<DirectoryReader>> open(const std::string& path);
  ~DirectoryReader();

  // `address` is local@domain. Local parts compare without case; postmaster@ and abuse@ an
  // authoritative domain always resolve (to the first mailbox created that is enabled, when nobody
  // has that address). An address that nobody has is tried without its +detail and then as the
  // domain's catch-all says.
  Result<Resolution> resolve(std::string_view address) const;
  // A login name: address or, when unique, its local part alone; a mail user's address too, with
  // !is_mailbox() and leave to send only. "user/mailbox", two such names, is
  // the user, who `opens` a mailbox to which they have full access; without that, and when the
  // mailbox is protocol_restricted, nobody.
  Result<std::optional<MailboxEntry>> find_login(std::string_view name) const;
  Result<std::optional<MailboxEntry>> mailbox(const Guid& guid) const;
  Result<std::vector<MailboxEntry>> mailboxes() const;  // by address; without system mailboxes
  Result<std::vector<MailboxEntry>> system_mailboxes() const;  // by address
  // The mailbox that probes of the database use. Its primary address is a name, at which it gets
  // nothing; its one alias, which changes with each start of the server, is where its mail goes.
  Result<std::optional<MailboxEntry>> health_mailbox(std::string_view database) const;
  Result<std::optional<DatabaseEntry>> database(std::string_view name) const;
  Result<std::vector<DatabaseEntry>> databases() const;
  // What holds for the mailbox: its own word, its database's, the defaults. kNotFound.
  Result<EffectiveLimits> limits(const Guid& mailbox) const;
  // Changes with every change of the directory.
  Result<std::uint64_t> version() const;
  Result<bool> is_accepted_domain(std::string_view domain) const;
  Result<std::vector<DomainEntry>> domains() const;
  // The entry that mail for the domain follows: its own or that of a domain above it.
  Result<std::optional<DomainEntry>> domain(std::string_view name) const;
  // Mailboxes that the user may open as if they were their own, in no order.
  Result<std::vector<Guid>> full_access_of(const Guid& user) const;
  // Users who may do so.
  Result<std::vector<Guid>> full_access_to(const Guid& mailbox) const;
  Result<bool> has_full_access(const Guid& user, const Guid& mailbox) const;

  // reader_recipients.cc
  // By any of its addresses. Not for mailboxes.
  Result<std::optional<RecipientEntry>> find_recipient(std::string_view address) const;
  Result<std::optional<RecipientEntry>> recipient(const Guid& guid) const;
  Result<std::vector<RecipientEntry>> recipients(RecipientKind kind) const;  // by address
  // At most `limit` members from where the page before said. kNotFound: no such group.
  Result<GroupPage> members(const Guid& group, std::string_view from, std::size_t limit) const;
  Result<std::uint64_t> member_count(const Guid& group) const;
  Result<std::vector<Guid>> groups_of(const Guid& member) const;  // directly
  // Whether the group takes mail from the user (nil: did not authenticate). kNotFound.
  Result<bool> may_post(const Guid& group, const Guid& user) const;
  // Of mailbox or group `as`.
  Result<std::optional<SendGrant>> send_grant(const Guid& user, const Guid& as) const;
  struct Granted {
    Guid user;
    SendGrant grant;
  };
  Result<std::vector<Granted>> send_grants_on(const Guid& as) const;
  Result<std::uint64_t> mailbox_count(std::string_view database) const;
  Result<std::uint64_t> address_count(std::string_view domain) const;
  // One of kServices; any other name is never enabled.
  Result<bool> service_enabled(std::string_view service) const;
  // Free settings by key; empty when not set.
  Result<std::string> setting(std::string_view key) const;

 private:
  friend class DirectoryWriter;
  class Impl;
  explicit DirectoryReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hauspost::directory
