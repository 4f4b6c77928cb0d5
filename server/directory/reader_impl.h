// What DirectoryReader's source files share. Included from this folder only.
#pragma once

#include "server/directory/data.h"

namespace hauspost::directory {

// What cannot be read is never "unknown": the caller tries again later.
inline std::unexpected<Error> unreadable(Error error) {
  return fail(ErrorCode::kUnavailable, "directory: " + std::move(error).text);
}

// Runs `read` in one transaction.
template <class Read>
auto in_snapshot(const Data& data, Read read) -> decltype(read(std::declval<store::ReadTxn&>())) {
  auto txn = data.environment->read();
  if (!txn) return unreadable(std::move(txn).error());
  auto result = read(*txn);
  if (!result) return unreadable(std::move(result).error());
  return result;
}

template <class Entry, class Parse>
Result<std::vector<Entry>> read_all(const store::Txn& txn, store::Table table, Parse parse) {
  std::vector<Entry> entries;
  TRY_ASSIGN(store::Cursor cursor, store::Cursor::open(txn, table));
  TRY_ASSIGN(bool more, cursor.first());
  while (more) {
    TRY_ASSIGN(auto entry, parse(cursor.value()));
    entries.push_back(std::move(entry));
    TRY_ASSIGN(more, cursor.next());
  }
  return entries;
}

}  // namespace hauspost::directory
