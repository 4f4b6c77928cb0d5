// Contacts, mail users and groups.
#include <fmt/format.h>

#include "base/text.h"
#include "server/auth/auth_client.h"
#include "server/supervisor/admin_service.h"

namespace hauspost::supervisor {

namespace {

using directory::GroupReports;
using directory::RecipientKind;

constexpr std::uint32_t kListDefault = 10'000;
constexpr std::uint32_t kMembersDefault = 1000;
constexpr int kMembersPerCallMax = 1000;

constexpr std::pair<RecipientKind, std::string_view> kKinds[] = {
    {RecipientKind::kContact, "contact"},
    {RecipientKind::kMailUser, "mailuser"},
    {RecipientKind::kGroup, "group"}};
constexpr std::pair<GroupReports, std::string_view> kReports[] = {
    {GroupReports::kSender, "sender"},
    {GroupReports::kOwner, "owner"},
    {GroupReports::kNobody, "nobody"}};

template <class Value, std::size_t kCount>
std::string_view word_of(const std::pair<Value, std::string_view> (&words)[kCount], Value value) {
  for (const auto& [known, word] : words) {
    if (known == value) return word;
  }
  return {};
}

template <class Value, std::size_t kCount>
Result<Value> named(const std::pair<Value, std::string_view> (&words)[kCount],
                    const std::string& name) {
  for (const auto& [value, word] : words) {
    if (word == name) return value;
  }
  return fail(ErrorCode::kInvalid, fmt::format("\"{}\" is none of the words that can stand here",
                                               escape_for_log(name)));
}

std::string_view word_of(directory::GroupMember::Kind kind) {
  using Kind = directory::GroupMember::Kind;
  switch (kind) {
    case Kind::kMailbox: return "mailbox";
    case Kind::kContact: return "contact";
    case Kind::kMailUser: return "mailuser";
    case Kind::kGroup: return "group";
    case Kind::kOutside: return "outside";
  }
  return {};
}

Result<directory::RecipientChanges> from_wire(const admin::RecipientChanges& from) {
  directory::RecipientChanges to;
  if (from.has_display_name()) to.display_name = from.display_name();
  if (from.has_target()) to.target = from.target();
  if (from.has_owner()) to.owner = from.owner();
  if (from.has_reports()) {
    TRY_ASSIGN(to.reports, named(kReports, from.reports()));
  }
  if (from.has_anyone()) to.anyone = from.anyone();
  if (from.has_members_only()) to.members_only = from.members_only();
  to.add_allowed = {from.add_allowed().begin(), from.add_allowed().end()};
  to.remove_allowed = {from.remove_allowed().begin(), from.remove_allowed().end()};
  to.add_aliases = {from.add_aliases().begin(), from.add_aliases().end()};
  to.remove_aliases = {from.remove_aliases().begin(), from.remove_aliases().end()};
  return to;
}

std::string address_of(const directory::DirectoryReader& reader, const Guid& guid) {
  if (const auto mailbox = reader.mailbox(guid); mailbox && *mailbox) return (*mailbox)->address;
  if (const auto other = reader.recipient(guid); other && *other) return (*other)->address;
  return guid.to_string();  // is gone
}

template <class Outcomes, class Reply>
void tell(const std::vector<std::string>& asked, const Outcomes& outcomes, Reply& reply) {
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    admin::GroupMember& out = *reply.add_outcomes();
    out.set_address(outcomes[i] ? outcomes[i]->address : asked[i]);
    if (outcomes[i]) {
      out.set_kind(std::string(word_of(outcomes[i]->kind)));
    } else {
      out.set_error(outcomes[i].error().text);
      out.set_error_code(std::string(to_string(outcomes[i].error().code)));
    }
  }
}

Result<> check_count(int members) {
  if (members <= kMembersPerCallMax) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("more than {} members in one call", kMembersPerCallMax));
}

}  // namespace

Result<admin::Recipient> AdminService::describe(const directory::RecipientEntry& entry) const {
  const directory::DirectoryReader& reader = supervisor_.directory().reader();
  admin::Recipient out;
  out.set_guid(std::string(entry.guid.as_bytes()));
  out.set_kind(std::string(word_of(kKinds, entry.kind)));
  out.set_address(entry.address);
  for (const std::string& alias : entry.aliases) out.add_aliases(alias);
  out.set_display_name(entry.display_name);
  out.set_created_s(entry.created_s);
  out.set_target(entry.target);
  if (entry.kind != RecipientKind::kGroup) return out;
  out.set_owner(entry.owner);
  out.set_reports(std::string(word_of(kReports, entry.reports)));
  out.set_anyone(entry.anyone);
  out.set_members_only(entry.members_only);
  for (const Guid& guid : entry.allowed) out.add_allowed(address_of(reader, guid));
  TRY_ASSIGN(const std::uint64_t members, reader.member_count(entry.guid));
  out.set_members(members);
  return out;
}

Result<directory::RecipientEntry> AdminService::find_recipient(RecipientKind kind,
                                                               const std::string& name) const {
  TRY_ASSIGN(auto entry, supervisor_.directory().reader().find_recipient(name));
  if (entry && entry->kind == kind) return std::move(*entry);
  const std::string_view noun = word_of(kKinds, kind);
  return fail(ErrorCode::kNotFound, fmt::format("no {} has the address \"{}\"; see: hauspost {} "
                                                "list",
                                                noun, escape_for_log(name), noun));
}

Result<std::pair<Guid, std::string>> AdminService::find_sendable(const std::string& name) const {
  TRY_ASSIGN(auto group, supervisor_.directory().reader().find_recipient(name));
  if (group && group->kind == RecipientKind::kGroup)
    return std::pair(group->guid, std::move(group->address));
  TRY_ASSIGN(auto mailbox, find_mailbox(name));
  return std::pair(mailbox.guid, std::move(mailbox.address));
}

Task<Result<admin::RecipientCreateReply>> AdminService::recipient_create(
    admin::RecipientCreateRequest request) {
  Secret password(std::move(*request.mutable_password()));
  CO_TRY_ASSIGN(const RecipientKind kind, named(kKinds, request.kind()));
  CO_TRY_ASSIGN(const auto changes, from_wire(request.changes()));
  directory::DirectoryWriter& directory = supervisor_.directory();
  const directory::RecipientOrder order{
      .kind = kind,
      .address = request.name(),
      .aliases = {request.aliases().begin(), request.aliases().end()},
      .display_name = request.display_name(),
      .target = request.target()};
  CO_TRY_ASSIGN(auto made, directory.create_recipient(order, unix_now(), true));
  if (!request.dry_run()) {
    // The password first: a mail user is never there without it.
    if (!password.empty()) CO_TRY(co_await store_password(order.guid, std::move(password)));
    CO_TRY_ASSIGN(made, directory.create_recipient(order, unix_now(), false));
    auto changed = directory.set_recipient(order.guid, changes);
    if (!changed) {
      CO_TRY(directory.remove_recipient(order.guid, false));
      co_return fail(std::move(changed).error());
    }
    made = std::move(*changed);
  }
  admin::RecipientCreateReply reply;
  CO_TRY_ASSIGN(*reply.mutable_recipient(), describe(made));
  co_return reply;
}

Task<Result<admin::RecipientListReply>> AdminService::recipient_list(
    admin::RecipientListRequest request) {
  CO_TRY_ASSIGN(const RecipientKind kind, named(kKinds, request.kind()));
  CO_TRY_ASSIGN(const auto entries, supervisor_.directory().reader().recipients(kind));
  const std::uint32_t limit = request.limit() == 0 ? kListDefault : request.limit();
  admin::RecipientListReply reply;
  for (const directory::RecipientEntry& entry : entries) {
    if (!request.after().empty() && entry.address <= request.after()) continue;
    if (static_cast<std::uint32_t>(reply.recipients_size()) == limit) {
      reply.set_more(true);
      break;
    }
    CO_TRY_ASSIGN(*reply.add_recipients(), describe(entry));
  }
  co_return reply;
}

Task<Result<admin::RecipientShowReply>> AdminService::recipient_show(
    admin::RecipientShowRequest request) {
  CO_TRY_ASSIGN(const RecipientKind kind, named(kKinds, request.kind()));
  CO_TRY_ASSIGN(const auto entry, find_recipient(kind, request.name()));
  admin::RecipientShowReply reply;
  CO_TRY_ASSIGN(*reply.mutable_recipient(), describe(entry));
  co_return reply;
}

Task<Result<admin::RecipientSetReply>> AdminService::recipient_set(
    admin::RecipientSetRequest request) {
  CO_TRY_ASSIGN(const RecipientKind kind, named(kKinds, request.kind()));
  CO_TRY_ASSIGN(const auto entry, find_recipient(kind, request.name()));
  CO_TRY_ASSIGN(const auto changes, from_wire(request.changes()));
  CO_TRY_ASSIGN(const auto changed, supervisor_.directory().set_recipient(entry.guid, changes));
  admin::RecipientSetReply reply;
  CO_TRY_ASSIGN(*reply.mutable_recipient(), describe(changed));
  co_return reply;
}

Task<Result<admin::RecipientRemoveReply>> AdminService::recipient_remove(
    admin::RecipientRemoveRequest request) {
  CO_TRY_ASSIGN(const RecipientKind kind, named(kKinds, request.kind()));
  CO_TRY_ASSIGN(const auto entry, find_recipient(kind, request.name()));
  admin::RecipientRemoveReply reply;
  CO_TRY_ASSIGN(*reply.mutable_recipient(), describe(entry));
  CO_TRY(supervisor_.directory().remove_recipient(entry.guid, request.dry_run()));
  if (kind != RecipientKind::kMailUser || request.dry_run()) co_return reply;
  // What is left of a verifier without its user is of no use to anyone.
  if (const auto control = auth_control()) {
    const auto forgotten = co_await auth::remove(**control, entry.guid);
    if (!forgotten)
      log::warning("auth.remove", {{"mailuser", entry.address}, {"cause", forgotten.error()}});
  }
  [[maybe_unused]] const auto ended = co_await end_logins(entry.guid, {}, true);
  co_return reply;
}

Task<Result<admin::RecipientSetPasswordReply>> AdminService::recipient_set_password(
    admin::RecipientSetPasswordRequest request) {
  Secret password(std::move(*request.mutable_password()));
  CO_TRY_ASSIGN(const auto entry, find_recipient(RecipientKind::kMailUser, request.name()));
  CO_TRY(co_await store_password(entry.guid, std::move(password)));
  [[maybe_unused]] const auto ended = co_await end_logins(entry.guid, {}, false);
  admin::RecipientSetPasswordReply reply;
  CO_TRY_ASSIGN(*reply.mutable_recipient(), describe(entry));
  co_return reply;
}

Task<Result<admin::GroupMemberAddReply>> AdminService::group_member_add(
    admin::GroupMemberAddRequest request) {
  CO_TRY(check_count(request.members_size()));
  CO_TRY_ASSIGN(const auto entry, find_recipient(RecipientKind::kGroup, request.name()));
  const std::vector<std::string> asked(request.members().begin(), request.members().end());
  CO_TRY_ASSIGN(const auto outcomes, supervisor_.directory().add_members(entry.guid, asked));
  admin::GroupMemberAddReply reply;
  tell(asked, outcomes, reply);
  CO_TRY_ASSIGN(*reply.mutable_group(), describe(entry));
  co_return reply;
}

Task<Result<admin::GroupMemberRemoveReply>> AdminService::group_member_remove(
    admin::GroupMemberRemoveRequest request) {
  CO_TRY(check_count(request.members_size()));
  CO_TRY_ASSIGN(const auto entry, find_recipient(RecipientKind::kGroup, request.name()));
  const std::vector<std::string> asked(request.members().begin(), request.members().end());
  CO_TRY_ASSIGN(const auto outcomes, supervisor_.directory().remove_members(entry.guid, asked,
                                                                            request.dry_run()));
  admin::GroupMemberRemoveReply reply;
  tell(asked, outcomes, reply);
  CO_TRY_ASSIGN(*reply.mutable_group(), describe(entry));
  co_return reply;
}

Task<Result<admin::GroupMemberListReply>> AdminService::group_member_list(
    admin::GroupMemberListRequest request) {
  CO_TRY_ASSIGN(const auto entry, find_recipient(RecipientKind::kGroup, request.name()));
  const std::uint32_t limit = request.limit() == 0 ? kMembersDefault : request.limit();
  CO_TRY_ASSIGN(auto page, supervisor_.directory().reader().members(entry.guid, request.from(),
                                                                    limit));
  admin::GroupMemberListReply reply;
  CO_TRY_ASSIGN(*reply.mutable_group(), describe(entry));
  for (const directory::GroupMember& member : page.members) {
    admin::GroupMember& out = *reply.add_members();
    out.set_address(member.address);
    out.set_kind(std::string(word_of(member.kind)));
  }
  reply.set_next(std::move(page.next));
  co_return reply;
}

}  // namespace hauspost::supervisor
