// The directory's environment and tables, shared by reader and writer. Included from this folder
// only.
//
// | table | key | value |
// |---|---|---|
// | meta | "format", "next_number" | decimal number |
// | databases | name in lower case | stored Database |
// | domains | canonical domain | stored Domain |
// | mailboxes | GUID | stored Mailbox |
// | addresses | address in lower case | GUID of its mailbox or recipient |
// | locals | local part in lower case, zero byte, GUID | empty |
// | ages | u64 number of creation, big-endian | GUID |
// | counts | "database/NAME", "domain/NAME" | decimal number of mailboxes, of addresses |
// | grants | GUID of a user, GUID of a mailbox they have full access to | empty |
// | send_grants | GUID of a user, GUID of whom they may send as | "as" or "on-behalf" |
// | recipients | GUID | stored Recipient |
// | members | GUID of a group, "g" and GUID, or "a" and address in lower case | empty, or the address |
// | memberships | GUID of a member, GUID of its group | empty |
// | services | name | "on" or "off"; without an entry its default |
// | settings | key | value |
#pragma once

#include "server/directory/directory.h"
#include "store/environment.h"

namespace hauspost::directory {

inline constexpr unsigned kFormat = 1;

struct Data {
  std::unique_ptr<store::Environment> environment;
  store::Table meta, databases, domains, mailboxes, addresses, locals, ages, counts, services,
      settings, grants, send_grants, recipients, members, memberships;

  // `writable` creates what is missing.
  static Result<std::shared_ptr<Data>> open(const std::string& path, bool writable);
};

class DirectoryReader::Impl {
 public:
  explicit Impl(std::shared_ptr<const Data> data) : data(std::move(data)) {}
  std::shared_ptr<const Data> data;  // shared with the writer, in the supervisor
};

// Stored forms. from_stored: kCorrupt.
std::string to_stored(const DatabaseEntry& entry);
std::string to_stored(const DomainEntry& entry);
std::string to_stored(const MailboxEntry& entry, std::uint64_t number);
std::string to_stored(const RecipientEntry& entry);
Result<RecipientEntry> recipient_from_stored(std::string_view bytes);
Result<DatabaseEntry> database_from_stored(std::string_view bytes);
Result<DomainEntry> domain_from_stored(std::string_view bytes);
struct StoredMailbox {
  MailboxEntry entry;
  std::uint64_t number = 0;
};
Result<StoredMailbox> mailbox_from_stored(std::string_view bytes);

// Reads that both kinds of transaction make.
Result<std::optional<DatabaseEntry>> find_database(const Data& data, const store::Txn& txn,
                                                   std::string_view name);
Result<std::vector<DatabaseEntry>> all_databases(const Data& data, const store::Txn& txn);
Result<std::optional<MailboxEntry>> find_mailbox(const Data& data, const store::Txn& txn,
                                                 std::string_view guid);
Result<std::optional<MailboxEntry>> find_address(const Data& data, const store::Txn& txn,
                                                 std::string_view address_key);
// "health-" and the first eight digits of the database's GUID, at kSystemDomain.
std::string health_address(const DatabaseEntry& database);
Result<std::optional<MailboxEntry>> find_health_mailbox(const Data& data, const store::Txn& txn,
                                                        std::string_view database);
Result<std::optional<RecipientEntry>> find_recipient(const Data& data, const store::Txn& txn,
                                                     std::string_view guid);
Result<std::optional<RecipientEntry>> find_recipient_address(const Data& data,
                                                             const store::Txn& txn,
                                                             std::string_view address_key);
// The entry that mail for the domain follows: its own or that of a domain above it. `name` is
// canonical.
Result<std::optional<DomainEntry>> find_domain(const Data& data, const store::Txn& txn,
                                               std::string_view name);
std::string grant_key(const Guid& user, const Guid& mailbox);
Result<std::uint64_t> read_count(const Data& data, const store::Txn& txn, const std::string& key);
std::string database_count_key(std::string_view name);
std::string domain_count_key(std::string_view domain);
std::string local_key(std::string_view local, const Guid& guid);

}  // namespace hauspost::directory
