// What DirectoryWriter's two source files share. Included from this folder only.
#pragma once

#include <functional>

#include "server/directory/data.h"
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

  std::shared_ptr<Data> data;
  std::unique_ptr<DirectoryReader> reader;
};

}  // namespace hauspost::directory
