#include "server/transport_worker/directory_adapter.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "server/child/child.h"
#include "server/directory/names.h"

namespace hauspost::transport_worker {

namespace {

using transport::Resolved;

Resolved unavailable(const Error& error) {
  log::error("directory.unreadable", {{"cause", error}});
  return {.kind = Resolved::Kind::kUnavailable};
}

Resolved resolve_recipient(const directory::RecipientEntry& entry) {
  const bool group = entry.kind == directory::RecipientKind::kGroup;
  return {.kind = group ? Resolved::Kind::kGroup : Resolved::Kind::kExternal,
          .mailbox = entry.guid,
          .label = entry.address,
          .target = entry.target,
          .restricted = group && entry.is_restricted()};
}

std::string without_detail(const directory::Address& address) {
  const std::size_t plus = address.local.find('+');
  if (plus == std::string::npos || plus == 0) return {};
  return directory::Address{address.local.substr(0, plus), address.domain}.key();
}

bool is_key_of(std::string_view key, const std::string& own) {
  const auto parsed = directory::split_address(own);
  return parsed && parsed->key() == key;
}

template <class Entry>
bool has_address(const Entry& entry, std::string_view key) {
  return is_key_of(key, entry.address) ||
         std::ranges::any_of(entry.aliases,
                             [&](const std::string& own) { return is_key_of(key, own); });
}

}  // namespace

Resolved DirectoryAdapter::resolve_mailbox(const directory::MailboxEntry& mailbox) const {
  if (!mailbox.enabled) return {.kind = Resolved::Kind::kUnknown};
  const auto limits = directory_.limits(mailbox.guid);
  if (!limits) return unavailable(limits.error());
  return {.kind = Resolved::Kind::kMailbox,
          .mailbox = mailbox.guid,
          .label = mailbox.address,
          .database = mailbox.database,
          .socket = child::store_delivery_socket(run_dir_, mailbox.database),
          .quota_bytes = limits->prohibit_receive_bytes,
          .message_bytes_max = limits->message_bytes_max,
          .target = mailbox.forward_to,
          .keep_copy = mailbox.forward_keeps_copy};
}

// nullopt: not an address of that kind, or not one of ours.
std::optional<Resolved> DirectoryAdapter::resolve_rewritten(std::string_view address) const {
  const std::size_t at = address.rfind('@');
  if (!srs_ || at == std::string_view::npos || !transport::is_srs(address.substr(0, at)))
    return std::nullopt;
  const auto domain = directory_.domain(address.substr(at + 1));
  if (!domain) return unavailable(domain.error());
  if (!*domain || !(*domain)->srs) return std::nullopt;
  auto sender = srs_->reverse(address.substr(0, at), clock_.now());
  if (!sender) return std::nullopt;
  return Resolved{.kind = Resolved::Kind::kExternal,
                  .label = std::string(address),
                  .target = std::move(*sender)};
}

Resolved DirectoryAdapter::resolve(std::string_view address) const {
  using Kind = directory::Resolution::Kind;
  if (auto rewritten = resolve_rewritten(address)) return std::move(*rewritten);
  const auto found = directory_.resolve(address);
  if (!found) return unavailable(found.error());
  switch (found->kind) {
    case Kind::kMailbox: return resolve_mailbox(*found->mailbox);
    case Kind::kRecipient: return resolve_recipient(*found->recipient);
    case Kind::kRelay: return {.kind = Resolved::Kind::kRelay};
    case Kind::kForeignDomain: return {.kind = Resolved::Kind::kForeign};
    case Kind::kUnknownUser: break;
  }
  return {.kind = Resolved::Kind::kUnknown};
}

Result<bool> DirectoryAdapter::is_accepted_domain(std::string_view domain) const {
  return directory_.is_accepted_domain(domain);
}

Result<bool> DirectoryAdapter::owns_address(const Guid& user, std::string_view address) const {
  const auto wanted = directory::split_address(address);
  if (!wanted) return false;
  const std::string key = wanted->key();
  const std::string base = without_detail(*wanted);
  const auto owns = [&](const auto& entry) {
    return has_address(entry, key) || (!base.empty() && has_address(entry, base));
  };
  TRY_ASSIGN(const auto mailbox, directory_.mailbox(user));
  if (mailbox) return owns(*mailbox);
  TRY_ASSIGN(const auto recipient, directory_.recipient(user));
  return recipient && owns(*recipient);
}

Result<transport::SenderRules> DirectoryAdapter::sender_rules(const Guid& user) const {
  TRY_ASSIGN(const auto entry, directory_.mailbox(user));
  if (!entry) {
    TRY_ASSIGN(const auto mail_user, directory_.recipient(user));
    if (mail_user) return transport::SenderRules{};
    return fail(ErrorCode::kNotFound, "the sender's mailbox does not exist");
  }
  TRY_ASSIGN(const auto limits, directory_.limits(user));
  return transport::SenderRules{
      .socket = child::store_delivery_socket(run_dir_, entry->database),
      .prohibit_send_bytes = limits.prohibit_send_bytes,
      .message_bytes_max = limits.message_bytes_max};
}

Result<transport::SendRight> DirectoryAdapter::may_send(const Guid& user,
                                                        std::string_view address) const {
  using transport::SendRight;
  TRY_ASSIGN(const bool own, owns_address(user, address));
  if (own) return SendRight::kOwn;
  TRY_ASSIGN(const auto found, directory_.resolve(address));
  std::optional<Guid> as;
  // A catch-all's address is not its holder's, nor are postmaster's and abuse's.
  const auto key = directory::split_address(address);
  if (found.mailbox && key && has_address(*found.mailbox, key->key())) as = found.mailbox->guid;
  if (found.recipient && key && has_address(*found.recipient, key->key()))
    as = found.recipient->guid;
  if (!as) return SendRight::kNo;
  TRY_ASSIGN(const auto grant, directory_.send_grant(user, *as));
  if (!grant) return SendRight::kNo;
  return *grant == directory::SendGrant::kAs ? SendRight::kAs : SendRight::kOnBehalf;
}

Result<bool> DirectoryAdapter::may_post(const Guid& group, const Guid& user) const {
  return directory_.may_post(group, user);
}

Result<transport::GroupRules> DirectoryAdapter::group_rules(const Guid& group) const {
  using Reports = transport::GroupRules::Reports;
  TRY_ASSIGN(const auto entry, directory_.recipient(group));
  if (!entry) return fail(ErrorCode::kNotFound, "the group does not exist");
  transport::GroupRules rules{.owner = entry->owner};
  switch (entry->reports) {
    case directory::GroupReports::kSender: rules.reports = Reports::kSender; break;
    case directory::GroupReports::kOwner: rules.reports = Reports::kOwner; break;
    case directory::GroupReports::kNobody: rules.reports = Reports::kNobody; break;
  }
  return rules;
}

Result<transport::MemberPage> DirectoryAdapter::members(const Guid& group, std::string_view from,
                                                        std::size_t limit) const {
  TRY_ASSIGN(auto page, directory_.members(group, from, limit));
  transport::MemberPage out{.next = std::move(page.next)};
  out.members.reserve(page.members.size());
  for (directory::GroupMember& member : page.members) {
    Resolved resolved = resolve(member.address);
    out.members.push_back({std::move(member.address), std::move(resolved)});
  }
  return out;
}

std::string DirectoryAdapter::forwarding_domain(std::string_view address) const {
  const std::size_t at = address.rfind('@');
  if (!srs_ || at == std::string_view::npos) return {};
  const auto domain = directory_.domain(address.substr(at + 1));
  if (!domain || !*domain || !(*domain)->srs) return {};
  return canonical_domain(address.substr(at + 1));
}

std::string DirectoryAdapter::canonical_domain(std::string_view domain) const {
  return directory::canonical_domain(domain).value_or(ascii_lower(domain));
}

}  // namespace hauspost::transport_worker
