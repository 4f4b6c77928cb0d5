// The health mailboxes of databases. They stand in no count, have no number by which postmaster@ is
// found, and no local part by which one could log in.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "server/directory/writer_impl.h"

namespace hauspost::directory {

namespace {

constexpr std::size_t kTokenLeast = 16;

Result<Address> delivery_address(std::string_view token) {
  const bool plain = token.size() >= kTokenLeast && token.size() <= kLocalPartMax &&
                     std::ranges::all_of(token, [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                     });
  if (!plain) {
    return fail(ErrorCode::kInvalid,
                "the address of a health mailbox has 16 to 64 small letters, digits and hyphens");
  }
  return Address{std::string(token), std::string(kSystemDomain)};
}

// What probes leave behind goes at once, and warns nobody.
Limits health_limits() {
  Limits limits;
  limits.keep_deleted_s = 0;
  limits.warn_bytes = kUnlimited;
  limits.prohibit_send_bytes = kUnlimited;
  limits.prohibit_receive_bytes = kUnlimited;
  return limits;
}

MailboxEntry new_entry(const DatabaseEntry& database, std::int64_t now_s) {
  MailboxEntry entry;
  entry.guid = Guid::random();
  entry.address = health_address(database);
  entry.display_name = fmt::format("Health of {}", database.name);
  entry.database = database.name;
  entry.protocol_restricted = true;
  entry.created_s = now_s;
  entry.limits = health_limits();
  entry.system = true;
  return entry;
}

}  // namespace

Result<MailboxEntry> DirectoryWriter::renew_health_mailbox(std::string_view name,
                                                           std::string_view token,
                                                           std::int64_t now_s) {
  TRY_ASSIGN(const Address delivery, delivery_address(token));
  const Data& data = *impl_->data;
  return impl_->in_transaction(true, [&](store::WriteTxn& txn) -> Result<MailboxEntry> {
    TRY_ASSIGN(const auto database, find_database(data, txn, name));
    if (!database) {
      return fail(ErrorCode::kNotFound,
                  fmt::format("database \"{}\" does not exist", escape_for_log(name)));
    }
    TRY_ASSIGN(auto found, find_health_mailbox(data, txn, name));
    MailboxEntry entry = found ? std::move(*found) : new_entry(*database, now_s);
    if (!found) {
      TRY_ASSIGN(const Address own, split_address(entry.address));
      TRY(impl_->put_address(txn, own, entry.guid, false));
    }
    for (const std::string& alias : entry.aliases) {
      TRY_ASSIGN(const Address old, split_address(alias));
      TRY(impl_->drop_address(txn, old, entry.guid));
    }
    entry.aliases = {delivery.text()};
    TRY(impl_->put_address(txn, delivery, entry.guid, false));
    TRY(txn.put(data.mailboxes, entry.guid.as_bytes(), to_stored(entry, 0)));
    return entry;
  });
}

Result<> DirectoryWriter::Impl::remove_health_mailbox(store::WriteTxn& txn,
                                                      std::string_view database) {
  TRY_ASSIGN(const auto found, find_health_mailbox(*data, txn, database));
  if (!found) return {};
  std::vector<std::string> addresses = found->aliases;
  addresses.push_back(found->address);
  for (const std::string& text : addresses) {
    TRY_ASSIGN(const Address address, split_address(text));
    TRY(drop_address(txn, address, found->guid));
  }
  TRY(txn.remove(data->mailboxes, found->guid.as_bytes()));
  return forget(txn, found->guid);
}

}  // namespace hauspost::directory
