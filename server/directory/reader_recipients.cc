#include <algorithm>

#include "server/directory/names.h"
#include "server/directory/reader_impl.h"
#include "server/directory/recipient_keys.h"

namespace hauspost::directory {

namespace {

constexpr std::size_t kGuidBytes = 16;
constexpr int kNestingMax = 20;  // of groups, for a sender who must be a member

std::unexpected<Error> no_group() {
  return fail(ErrorCode::kNotFound, "the group does not exist");
}

Result<std::optional<RecipientEntry>> find_group(const Data& data, const store::Txn& txn,
                                                 const Guid& guid) {
  TRY_ASSIGN(auto entry, find_recipient(data, txn, guid.as_bytes()));
  if (entry && entry->kind != RecipientKind::kGroup) return std::nullopt;
  return entry;
}

GroupMember::Kind member_kind(RecipientKind kind) {
  switch (kind) {
    case RecipientKind::kContact: return GroupMember::Kind::kContact;
    case RecipientKind::kMailUser: return GroupMember::Kind::kMailUser;
    case RecipientKind::kGroup: return GroupMember::Kind::kGroup;
  }
  return GroupMember::Kind::kOutside;
}

// nullopt: an entry whose mailbox or recipient is gone.
Result<std::optional<GroupMember>> read_member(const Data& data, const store::Txn& txn,
                                               std::string_view key, std::string_view value) {
  if (!key.starts_with(kMemberById)) {
    return GroupMember{GroupMember::Kind::kOutside, {}, std::string(value)};
  }
  const auto guid = Guid::from_bytes(key.substr(1));
  if (!guid) return std::nullopt;
  TRY_ASSIGN(auto mailbox, find_mailbox(data, txn, guid->as_bytes()));
  if (mailbox) return GroupMember{GroupMember::Kind::kMailbox, *guid, std::move(mailbox->address)};
  TRY_ASSIGN(auto recipient, find_recipient(data, txn, guid->as_bytes()));
  if (!recipient) return std::nullopt;
  return GroupMember{member_kind(recipient->kind), *guid, std::move(recipient->address)};
}

Result<std::vector<Guid>> direct_groups(const Data& data, const store::Txn& txn,
                                        const Guid& member) {
  std::vector<Guid> groups;
  TRY_ASSIGN(store::Cursor cursor, store::Cursor::open(txn, data.memberships));
  TRY_ASSIGN(bool more, cursor.seek(member.as_bytes()));
  while (more && cursor.key().starts_with(member.as_bytes())) {
    if (const auto group = Guid::from_bytes(cursor.key().substr(kGuidBytes)))
      groups.push_back(*group);
    TRY_ASSIGN(more, cursor.next());
  }
  return groups;
}

// Every group the user is in, directly or through others, and the user too.
Result<std::vector<Guid>> all_groups(const Data& data, const store::Txn& txn, const Guid& user) {
  std::vector<Guid> all{user};
  std::size_t begin = 0;
  for (int depth = 0; depth < kNestingMax && begin < all.size(); ++depth) {
    const std::size_t end = all.size();
    for (; begin < end; ++begin) {
      TRY_ASSIGN(const auto groups, direct_groups(data, txn, all[begin]));
      for (const Guid& group : groups) {
        if (std::ranges::find(all, group) == all.end()) all.push_back(group);
      }
    }
  }
  return all;
}

}  // namespace

Result<std::optional<RecipientEntry>> DirectoryReader::find_recipient(
    std::string_view address) const {
  const auto split = split_address(address);
  if (!split) return std::nullopt;
  return in_snapshot(*impl_->data, [&](const store::ReadTxn& txn) {
    return find_recipient_address(*impl_->data, txn, split->key());
  });
}

Result<std::optional<RecipientEntry>> DirectoryReader::recipient(const Guid& guid) const {
  return in_snapshot(*impl_->data, [&](const store::ReadTxn& txn) {
    return directory::find_recipient(*impl_->data, txn, guid.as_bytes());
  });
}

Result<std::vector<RecipientEntry>> DirectoryReader::recipients(RecipientKind kind) const {
  using Entries = std::vector<RecipientEntry>;
  TRY_ASSIGN(Entries entries, in_snapshot(*impl_->data, [&](const store::ReadTxn& txn) {
               return read_all<RecipientEntry>(txn, impl_->data->recipients, recipient_from_stored);
             }));
  std::erase_if(entries, [kind](const RecipientEntry& entry) { return entry.kind != kind; });
  std::ranges::sort(entries, {}, &RecipientEntry::address);
  return entries;
}

Result<GroupPage> DirectoryReader::members(const Guid& group, std::string_view from,
                                           std::size_t limit) const {
  using Found = std::optional<GroupPage>;
  const Data& data = *impl_->data;
  TRY_ASSIGN(Found found, in_snapshot(data, [&](const store::ReadTxn& txn) -> Result<Found> {
               TRY_ASSIGN(const auto entry, find_group(data, txn, group));
               if (!entry) return Found();
               GroupPage page;
               TRY_ASSIGN(store::Cursor cursor, store::Cursor::open(txn, data.members));
               TRY_ASSIGN(bool more, cursor.seek(member_key(group, from)));
               while (more && cursor.key().starts_with(group.as_bytes())) {
                 const std::string_view key = cursor.key().substr(kGuidBytes);
                 if (page.members.size() == limit) {
                   page.next = key;
                   break;
                 }
                 TRY_ASSIGN(auto member, read_member(data, txn, key, cursor.value()));
                 if (member) page.members.push_back(std::move(*member));
                 TRY_ASSIGN(more, cursor.next());
               }
               return Found(std::move(page));
             }));
  if (!found) return no_group();
  return std::move(*found);
}

Result<std::uint64_t> DirectoryReader::member_count(const Guid& group) const {
  return in_snapshot(*impl_->data, [&](const store::ReadTxn& txn) {
    return read_count(*impl_->data, txn, group_count_key(group));
  });
}

Result<std::vector<Guid>> DirectoryReader::groups_of(const Guid& member) const {
  return in_snapshot(*impl_->data, [&](const store::ReadTxn& txn) {
    return direct_groups(*impl_->data, txn, member);
  });
}

Result<bool> DirectoryReader::may_post(const Guid& group, const Guid& user) const {
  const Data& data = *impl_->data;
  using Found = std::optional<bool>;
  TRY_ASSIGN(const Found found, in_snapshot(data, [&](const store::ReadTxn& txn) -> Result<Found> {
               TRY_ASSIGN(const auto entry, find_group(data, txn, group));
               if (!entry) return Found();
               if (!entry->is_restricted()) return Found(true);
               if (user.is_nil()) return Found(false);
               if (!entry->members_only && entry->allowed.empty()) return Found(true);
               TRY_ASSIGN(const auto mine, all_groups(data, txn, user));
               const auto is_mine = [&](const Guid& guid) {
                 return std::ranges::find(mine, guid) != mine.end();
               };
               return Found((entry->members_only && is_mine(group)) ||
                            std::ranges::any_of(entry->allowed, is_mine));
             }));
  if (!found) return no_group();
  return *found;
}

Result<std::optional<SendGrant>> DirectoryReader::send_grant(const Guid& user,
                                                             const Guid& as) const {
  using Found = std::optional<SendGrant>;
  return in_snapshot(*impl_->data, [&](const store::ReadTxn& txn) -> Result<Found> {
    TRY_ASSIGN(const auto value, txn.get(impl_->data->send_grants, grant_key(user, as)));
    if (!value) return Found();
    return Found(send_grant_from(*value));
  });
}

Result<std::vector<DirectoryReader::Granted>> DirectoryReader::send_grants_on(
    const Guid& as) const {
  return in_snapshot(*impl_->data, [&](const store::ReadTxn& txn) -> Result<std::vector<Granted>> {
    std::vector<Granted> granted;
    TRY_ASSIGN(store::Cursor cursor, store::Cursor::open(txn, impl_->data->send_grants));
    TRY_ASSIGN(bool more, cursor.first());
    while (more) {
      const auto user = Guid::from_bytes(cursor.key().substr(0, kGuidBytes));
      const auto grant = send_grant_from(cursor.value());
      if (user && grant && cursor.key().substr(kGuidBytes) == as.as_bytes())
        granted.push_back({*user, *grant});
      TRY_ASSIGN(more, cursor.next());
    }
    return granted;
  });
}

}  // namespace hauspost::directory
