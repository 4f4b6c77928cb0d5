// What DirectoryWriter's source files share. Included from this folder only.
#pragma once

#include <functional>

#include "server/directory/data.h"
#include "server/directory/names.h"
#include "server/directory/writer.h"

namespace hauspost::directory {

class DirectoryWriter::Impl {
 public:
  Impl(std::shared_ptr<Data> data, std::unique_ptr<DirectoryReader> reader)
      : data(std::move(data)), reader(std::move(reader)) {}

  // Runs `change` in one transaction and commits when it succeeds and `keep`.
  template <class Change>
  auto in_transaction(bool keep, Change change)
      -> decltype(change(std::declval<store::WriteTxn&>())) {
    TRY_ASSIGN(store::WriteTxn txn, data->environment->write());
    auto result = change(txn);
    if (!result || !keep) return result;
    TRY(txn.commit());
    return result;
  }

  Result<DatabaseEntry> change_database(std::string_view name,
                                        const std::function<void(DatabaseEntry&)>& change);
  // The entry as it is then; kNotFound without the mailbox. Its addresses and database must stay.
  Result<MailboxEntry> change_mailbox(const Guid& guid,
                                      const std::function<void(MailboxEntry&)>& change);
  Result<> add_to_count(store::WriteTxn& txn, const std::string& key, int step);
  // Enters or takes away one address of a mailbox or recipient; `log_in`: it may log in by its
  // local part alone.
  Result<> put_address(store::WriteTxn& txn, const Address& address, const Guid& guid, bool log_in);
  Result<> drop_address(store::WriteTxn& txn, const Address& address, const Guid& guid);
  // Takes away and enters aliases of `owner`, and in `aliases` likewise. writer_recipients.cc
  struct AliasChanges {
    const Guid& guid;
    const std::string& owner;
    std::span<const std::string> remove;
    std::span<const std::string> add;
    bool log_in;
  };
  Result<> change_aliases(store::WriteTxn& txn, const AliasChanges& changes,
                          std::vector<std::string>& aliases);
  // No effect when the database has none. writer_health.cc
  Result<> remove_health_mailbox(store::WriteTxn& txn, std::string_view database);
  // Out of every group, and out of every grant.
  Result<> forget(store::WriteTxn& txn, const Guid& guid);

  std::shared_ptr<Data> data;
  std::unique_ptr<DirectoryReader> reader;
};

// The address, when it can be given to somebody. kInvalid, kExists.
Result<Address> check_free(const Data& data, const store::Txn& txn, std::string_view text);
// Who has the address already, for people: "mailbox anna@example.org"; empty: nobody.
Result<std::string> holder_of(const Data& data, const store::Txn& txn, std::string_view key);

}  // namespace hauspost::directory
