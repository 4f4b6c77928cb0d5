#include <fmt/format.h>

#include "base/text.h"
#include "server/directory/recipient_keys.h"
#include "server/directory/writer_impl.h"

namespace hauspost::directory {

namespace {

constexpr std::size_t kGuidBytes = 16;

// A member as it stands in the tables.
struct Entry {
  GroupMember member;
  std::string key;    // behind the group's GUID
  std::string value;  // in table "members"
};

Entry entry_of(GroupMember::Kind kind, const Guid& guid, const std::string& address) {
  return {{kind, guid, address}, std::string(kMemberById).append(guid.as_bytes()), {}};
}

GroupMember::Kind kind_of(RecipientKind kind) {
  switch (kind) {
    case RecipientKind::kContact: return GroupMember::Kind::kContact;
    case RecipientKind::kMailUser: return GroupMember::Kind::kMailUser;
    case RecipientKind::kGroup: return GroupMember::Kind::kGroup;
  }
  return GroupMember::Kind::kOutside;
}

Result<Entry> find_entry(const Data& data, const store::Txn& txn, const std::string& text) {
  TRY_ASSIGN(const Address address, parse_address(text));
  TRY_ASSIGN(const auto mailbox, find_address(data, txn, address.key()));
  if (mailbox) return entry_of(GroupMember::Kind::kMailbox, mailbox->guid, mailbox->address);
  TRY_ASSIGN(const auto recipient, find_recipient_address(data, txn, address.key()));
  if (recipient) return entry_of(kind_of(recipient->kind), recipient->guid, recipient->address);
  return Entry{{GroupMember::Kind::kOutside, {}, address.text()},
               std::string(kMemberByAddress) + address.key(),
               address.text()};
}

Result<> check_new(const Data& data, const store::Txn& txn, const Guid& group, const Entry& entry) {
  const GroupMember& member = entry.member;
  if (member.guid == group) {
    return fail(ErrorCode::kInvalid,
                fmt::format("group {} cannot be a member of itself", member.address));
  }
  TRY_ASSIGN(const Address address, split_address(member.address));
  const bool system = address.domain == kSystemDomain;  // mail to those is not kept
  if (system || member.kind == GroupMember::Kind::kOutside) {
    TRY_ASSIGN(const auto domain, find_domain(data, txn, address.domain));
    if (system || (domain && domain->type == DomainType::kAuthoritative)) {
      return fail(ErrorCode::kNotFound,
                  fmt::format("nobody has the address {}; see: hauspost mailbox list",
                              member.address));
    }
  }
  TRY_ASSIGN(const auto known, txn.get(data.members, member_key(group, entry.key)));
  if (known) return fail(ErrorCode::kExists, fmt::format("{} is a member already", member.address));
  TRY_ASSIGN(const std::uint64_t count, read_count(data, txn, group_count_key(group)));
  if (count < kGroupMembersMax) return {};
  return fail(ErrorCode::kExhausted,
              fmt::format("the group has {} members, and no group can have more", count));
}

Result<> check_group(const Data& data, const store::Txn& txn, const Guid& group) {
  TRY_ASSIGN(const auto entry, find_recipient(data, txn, group.as_bytes()));
  if (entry && entry->kind == RecipientKind::kGroup) return {};
  return fail(ErrorCode::kNotFound, "the group does not exist");
}

// Keys of `table` that begin or, when `at_end`, end with the GUID.
Result<std::vector<std::string>> keys_with(const store::Txn& txn, store::Table table,
                                           const Guid& guid, bool at_end) {
  std::vector<std::string> keys;
  TRY_ASSIGN(auto cursor, store::Cursor::open(txn, table));
  TRY_ASSIGN(bool here, at_end ? cursor.first() : cursor.seek(guid.as_bytes()));
  while (here && (at_end || cursor.key().starts_with(guid.as_bytes()))) {
    if (!at_end || cursor.key().ends_with(guid.as_bytes())) keys.emplace_back(cursor.key());
    TRY_ASSIGN(here, cursor.next());
  }
  return keys;
}

}  // namespace

Result<std::vector<Result<GroupMember>>> DirectoryWriter::add_members(
    const Guid& group, std::span<const std::string> addresses) {
  using Outcomes = std::vector<Result<GroupMember>>;
  const Data& data = *impl_->data;
  return impl_->in_transaction(true, [&](store::WriteTxn& txn) -> Result<Outcomes> {
    TRY(check_group(data, txn, group));
    Outcomes outcomes;
    for (const std::string& text : addresses) {
      auto entry = find_entry(data, txn, text);
      const Result<> fits = entry ? check_new(data, txn, group, *entry) : fail(entry.error());
      if (!fits) {
        outcomes.push_back(fail(fits.error()));
        continue;
      }
      TRY(txn.put(data.members, member_key(group, entry->key), entry->value));
      if (!entry->member.guid.is_nil())
        TRY(txn.put(data.memberships, membership_key(entry->member.guid, group), {}));
      TRY(impl_->add_to_count(txn, group_count_key(group), 1));
      outcomes.push_back(std::move(entry->member));
    }
    return outcomes;
  });
}

Result<std::vector<Result<GroupMember>>> DirectoryWriter::remove_members(
    const Guid& group, std::span<const std::string> addresses, bool dry_run) {
  using Outcomes = std::vector<Result<GroupMember>>;
  const Data& data = *impl_->data;
  return impl_->in_transaction(!dry_run, [&](store::WriteTxn& txn) -> Result<Outcomes> {
    TRY(check_group(data, txn, group));
    Outcomes outcomes;
    for (const std::string& text : addresses) {
      auto entry = find_entry(data, txn, text);
      if (!entry) {
        outcomes.push_back(fail(std::move(entry).error()));
        continue;
      }
      TRY_ASSIGN(bool was, txn.remove(data.members, member_key(group, entry->key)));
      if (!was && !entry->member.guid.is_nil()) {
        // Nobody here had the address when it became a member.
        TRY_ASSIGN(const Address address, parse_address(text));
        const std::string key = std::string(kMemberByAddress) + address.key();
        TRY_ASSIGN(was, txn.remove(data.members, member_key(group, key)));
      }
      if (!was) {
        outcomes.push_back(fail(ErrorCode::kNotFound,
                                fmt::format("{} is not a member", entry->member.address)));
        continue;
      }
      TRY(txn.remove(data.memberships, membership_key(entry->member.guid, group)));
      TRY(impl_->add_to_count(txn, group_count_key(group), -1));
      outcomes.push_back(std::move(entry->member));
    }
    return outcomes;
  });
}

Result<> DirectoryWriter::Impl::forget(store::WriteTxn& txn, const Guid& guid) {
  for (const store::Table table : {data->grants, data->send_grants}) {
    for (const bool at_end : {false, true}) {
      TRY_ASSIGN(const auto keys, keys_with(txn, table, guid, at_end));
      for (const std::string& key : keys) TRY(txn.remove(table, key));
    }
  }
  TRY_ASSIGN(const auto in, keys_with(txn, data->memberships, guid, false));
  for (const std::string& key : in) {
    const auto group = Guid::from_bytes(std::string_view(key).substr(kGuidBytes));
    if (!group) return fail(ErrorCode::kCorrupt, "directory: a key of memberships is wrong");
    TRY(txn.remove(data->memberships, key));
    TRY(txn.remove(data->members,
                   member_key(*group, std::string(kMemberById).append(guid.as_bytes()))));
    TRY(add_to_count(txn, group_count_key(*group), -1));
  }
  TRY_ASSIGN(const auto members, keys_with(txn, data->members, guid, false));
  for (const std::string& key : members) {
    TRY(txn.remove(data->members, key));
    const std::string_view member = std::string_view(key).substr(kGuidBytes);
    if (!member.starts_with(kMemberById)) continue;
    const auto id = Guid::from_bytes(member.substr(1));
    if (id) TRY(txn.remove(data->memberships, membership_key(*id, guid)));
  }
  TRY(txn.remove(data->counts, group_count_key(guid)));
  return {};
}

Result<> DirectoryWriter::set_send_grant(const Guid& user, const Guid& as,
                                         std::optional<SendGrant> grant) {
  if (user == as)
    return fail(ErrorCode::kInvalid, "everybody may send as themselves: nothing has to be granted");
  const Data& data = *impl_->data;
  return impl_->in_transaction(true, [&](store::WriteTxn& txn) -> Result<> {
    const std::string key = grant_key(user, as);
    if (grant) return txn.put(data.send_grants, key, stored_grant(*grant));
    TRY(txn.remove(data.send_grants, key));
    return {};
  });
}

}  // namespace hauspost::directory
