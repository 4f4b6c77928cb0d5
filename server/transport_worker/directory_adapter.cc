#include "server/transport_worker/directory_adapter.h"

#include <algorithm>

#include "base/log.h"
#include "server/child/child.h"
#include "server/directory/names.h"

namespace hauspost::transport_worker {

transport::Resolved DirectoryAdapter::resolve(std::string_view address) const {
  using Kind = transport::Resolved::Kind;
  const auto found = directory_.resolve(address);
  if (!found) {
    log::error("directory.unreadable", {{"cause", found.error()}});
    return {.kind = Kind::kUnavailable};
  }
  if (found->kind == directory::Resolution::Kind::kForeignDomain) return {.kind = Kind::kForeign};
  if (!found->mailbox || !found->mailbox->enabled) return {.kind = Kind::kUnknown};
  const directory::MailboxEntry& mailbox = *found->mailbox;
  const auto limits = directory_.limits(mailbox.guid);
  if (!limits) {
    log::error("directory.unreadable", {{"cause", limits.error()}});
    return {.kind = Kind::kUnavailable};
  }
  return {.kind = Kind::kMailbox,
          .mailbox = mailbox.guid,
          .label = mailbox.address,
          .database = mailbox.database,
          .socket = child::store_delivery_socket(run_dir_, mailbox.database),
          .quota_bytes = limits->prohibit_receive_bytes,
          .message_bytes_max = limits->message_bytes_max};
}

Result<bool> DirectoryAdapter::is_accepted_domain(std::string_view domain) const {
  return directory_.is_accepted_domain(domain);
}

Result<bool> DirectoryAdapter::owns_address(const Guid& mailbox, std::string_view address) const {
  TRY_ASSIGN(const auto entry, directory_.mailbox(mailbox));
  const auto wanted = directory::split_address(address);
  if (!entry || !wanted) return false;
  const auto is_it = [&](const std::string& own) {
    const auto parsed = directory::split_address(own);
    return parsed && parsed->key() == wanted->key();
  };
  return is_it(entry->address) || std::ranges::any_of(entry->aliases, is_it);
}

Result<transport::SenderRules> DirectoryAdapter::sender_rules(const Guid& mailbox) const {
  TRY_ASSIGN(const auto entry, directory_.mailbox(mailbox));
  if (!entry) return fail(ErrorCode::kNotFound, "the sender's mailbox does not exist");
  TRY_ASSIGN(const auto limits, directory_.limits(mailbox));
  return transport::SenderRules{
      .socket = child::store_delivery_socket(run_dir_, entry->database),
      .prohibit_send_bytes = limits.prohibit_send_bytes,
      .message_bytes_max = limits.message_bytes_max};
}

}  // namespace hauspost::transport_worker
