#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "server/directory/recipient_keys.h"
#include "server/directory/writer_impl.h"

namespace hauspost::directory {

namespace {

std::string_view noun(RecipientKind kind) {
  switch (kind) {
    case RecipientKind::kContact: return "contact";
    case RecipientKind::kMailUser: return "mailuser";
    case RecipientKind::kGroup: return "group";
  }
  return "recipient";
}

// A contact must not lead back here: it would be a second name, which an alias is for.
Result<std::string> check_target(const Data& data, const store::Txn& txn,
                                 const std::string& target) {
  TRY_ASSIGN(const Address address, parse_address(target));
  TRY_ASSIGN(const auto domain, find_domain(data, txn, address.domain));
  if (!domain || domain->type != DomainType::kAuthoritative) return address.text();
  return fail(ErrorCode::kInvalid,
              fmt::format("{} is an address of this server; the address outside is wanted "
                          "(--target)",
                          address.text()));
}

Result<std::string> check_owner(const Data& data, const store::Txn& txn, const std::string& owner) {
  if (owner.empty()) return owner;
  TRY_ASSIGN(const Address address, parse_address(owner));
  TRY_ASSIGN(const std::string holder, holder_of(data, txn, address.key()));
  if (!holder.empty()) return address.text();
  return fail(ErrorCode::kNotFound,
              fmt::format("owner {}: nobody here has this address; see: hauspost mailbox list",
                          address.text()));
}

Result<Guid> find_sender(const Data& data, const store::Txn& txn, const std::string& text) {
  TRY_ASSIGN(const Address address, parse_address(text));
  TRY_ASSIGN(const auto mailbox, find_address(data, txn, address.key()));
  if (mailbox) return mailbox->guid;
  TRY_ASSIGN(const auto recipient, find_recipient_address(data, txn, address.key()));
  if (recipient && recipient->kind != RecipientKind::kContact) return recipient->guid;
  return fail(ErrorCode::kNotFound,
              fmt::format("{} is no mailbox, mail user or group here: it cannot authenticate",
                          address.text()));
}

Result<> change_allowed(const Data& data, const store::Txn& txn, const RecipientChanges& changes,
                        RecipientEntry& entry) {
  for (const std::string& text : changes.add_allowed) {
    TRY_ASSIGN(const Guid guid, find_sender(data, txn, text));
    if (std::ranges::find(entry.allowed, guid) == entry.allowed.end())
      entry.allowed.push_back(guid);
  }
  for (const std::string& text : changes.remove_allowed) {
    // Who is gone has but the name under which `group show` lists them.
    if (const auto gone = Guid::parse(text)) {
      std::erase(entry.allowed, *gone);
      continue;
    }
    TRY_ASSIGN(const Guid guid, find_sender(data, txn, text));
    std::erase(entry.allowed, guid);
  }
  if (entry.allowed.size() > kAllowedSendersMax) {
    return fail(ErrorCode::kExhausted,
                fmt::format("group {}: at most {} senders can be allowed; put them into a group "
                            "and allow that",
                            entry.address, kAllowedSendersMax));
  }
  return {};
}

Result<> change_group(const Data& data, const store::Txn& txn, const RecipientChanges& changes,
                      RecipientEntry& entry) {
  if (changes.owner) {
    TRY_ASSIGN(entry.owner, check_owner(data, txn, *changes.owner));
  }
  entry.reports = changes.reports.value_or(entry.reports);
  entry.anyone = changes.anyone.value_or(entry.anyone);
  entry.members_only = changes.members_only.value_or(entry.members_only);
  if (entry.reports == GroupReports::kOwner && entry.owner.empty()) {
    return fail(ErrorCode::kInvalid,
                fmt::format("group {} has no owner who could get reports; name one: --owner "
                            "ADDRESS",
                            entry.address));
  }
  return change_allowed(data, txn, changes, entry);
}

}  // namespace

Result<std::string> holder_of(const Data& data, const store::Txn& txn, std::string_view key) {
  TRY_ASSIGN(const auto mailbox, find_address(data, txn, key));
  if (mailbox) return "mailbox " + mailbox->address;
  TRY_ASSIGN(const auto recipient, find_recipient_address(data, txn, key));
  if (recipient) return fmt::format("{} {}", noun(recipient->kind), recipient->address);
  return std::string();
}

Result<Address> check_free(const Data& data, const store::Txn& txn, std::string_view text) {
  TRY_ASSIGN(Address address, parse_address(text));
  TRY_ASSIGN(const auto domain, find_domain(data, txn, address.domain));
  if (!domain) {
    return fail(ErrorCode::kInvalid,
                fmt::format("address {}: domain {} is not accepted here; add it first: hauspost "
                            "domain add {}",
                            address.text(), address.domain, address.domain));
  }
  if (domain->type == DomainType::kExternalRelay) {
    return fail(ErrorCode::kInvalid,
                fmt::format("address {}: all addresses of {} are elsewhere (external-relay); see: "
                            "hauspost domain show {}",
                            address.text(), address.domain, domain->name));
  }
  TRY_ASSIGN(const std::string holder, holder_of(data, txn, address.key()));
  if (holder.empty()) return address;
  return fail(ErrorCode::kExists,
              fmt::format("address {} is in use by {}", address.text(), holder));
}

Result<> DirectoryWriter::Impl::put_address(store::WriteTxn& txn, const Address& address,
                                            const Guid& guid, bool log_in) {
  TRY(txn.put(data->addresses, address.key(), guid.as_bytes()));
  if (log_in) TRY(txn.put(data->locals, local_key(address.local, guid), {}));
  return add_to_count(txn, domain_count_key(address.domain), 1);
}

Result<> DirectoryWriter::Impl::drop_address(store::WriteTxn& txn, const Address& address,
                                             const Guid& guid) {
  TRY(txn.remove(data->addresses, address.key()));
  TRY(txn.remove(data->locals, local_key(address.local, guid)));
  return add_to_count(txn, domain_count_key(address.domain), -1);
}

Result<RecipientEntry> DirectoryWriter::create_recipient(const RecipientOrder& order,
                                                         std::int64_t now_s, bool dry_run) {
  TRY(check_display_name(order.display_name));
  if (order.aliases.size() > kAliasesMax) {
    return fail(ErrorCode::kInvalid, fmt::format("{} has more than {} aliases",
                                                 escape_for_log(order.address), kAliasesMax));
  }
  const Data& data = *impl_->data;
  return impl_->in_transaction(!dry_run, [&](store::WriteTxn& txn) -> Result<RecipientEntry> {
    RecipientEntry entry{.guid = order.guid,
                         .kind = order.kind,
                         .display_name = order.display_name,
                         .created_s = now_s};
    TRY_ASSIGN(const Address primary, check_free(data, txn, order.address));
    entry.address = primary.text();
    if (order.kind != RecipientKind::kGroup) {
      TRY_ASSIGN(entry.target, check_target(data, txn, order.target));
    }
    TRY(impl_->put_address(txn, primary, entry.guid, false));
    for (const std::string& alias : order.aliases) {
      TRY_ASSIGN(const Address address, check_free(data, txn, alias));
      TRY(impl_->put_address(txn, address, entry.guid, false));
      entry.aliases.push_back(address.text());
    }
    TRY(txn.put(data.recipients, entry.guid.as_bytes(), to_stored(entry)));
    return entry;
  });
}

Result<> DirectoryWriter::Impl::change_aliases(store::WriteTxn& txn, const AliasChanges& changes,
                                               std::vector<std::string>& aliases) {
  for (const std::string& text : changes.remove) {
    TRY_ASSIGN(const Address address, parse_address(text));
    const auto same = [&](const std::string& alias) {
      const auto known = split_address(alias);
      return known && known->key() == address.key();
    };
    if (std::erase_if(aliases, same) == 0) {
      return fail(ErrorCode::kNotFound,
                  fmt::format("{} is no alias of {}", address.text(), changes.owner));
    }
    TRY(drop_address(txn, address, changes.guid));
  }
  for (const std::string& text : changes.add) {
    TRY_ASSIGN(const Address address, check_free(*data, txn, text));
    TRY(put_address(txn, address, changes.guid, changes.log_in));
    aliases.push_back(address.text());
  }
  if (aliases.size() > kAliasesMax)
    return fail(ErrorCode::kExhausted, fmt::format("at most {} aliases", kAliasesMax));
  return {};
}

Result<RecipientEntry> DirectoryWriter::set_recipient(const Guid& guid,
                                                      const RecipientChanges& changes) {
  if (changes.display_name) TRY(check_display_name(*changes.display_name));
  const Data& data = *impl_->data;
  return impl_->in_transaction(true, [&](store::WriteTxn& txn) -> Result<RecipientEntry> {
    TRY_ASSIGN(auto found, find_recipient(data, txn, guid.as_bytes()));
    if (!found) return fail(ErrorCode::kNotFound, "the recipient does not exist");
    RecipientEntry& entry = *found;
    entry.display_name = changes.display_name.value_or(entry.display_name);
    if (changes.target) {
      TRY_ASSIGN(entry.target, check_target(data, txn, *changes.target));
    }
    if (entry.kind == RecipientKind::kGroup) TRY(change_group(data, txn, changes, entry));
    TRY(impl_->change_aliases(
        txn, {guid, entry.address, changes.remove_aliases, changes.add_aliases, false},
        entry.aliases));
    TRY(txn.put(data.recipients, guid.as_bytes(), to_stored(entry)));
    return std::move(entry);
  });
}

Result<RecipientEntry> DirectoryWriter::remove_recipient(const Guid& guid, bool dry_run) {
  const Data& data = *impl_->data;
  return impl_->in_transaction(!dry_run, [&](store::WriteTxn& txn) -> Result<RecipientEntry> {
    TRY_ASSIGN(auto entry, find_recipient(data, txn, guid.as_bytes()));
    if (!entry) return fail(ErrorCode::kNotFound, "the recipient does not exist");
    std::vector<std::string> addresses = entry->aliases;
    addresses.push_back(entry->address);
    for (const std::string& text : addresses) {
      TRY_ASSIGN(const Address address, split_address(text));
      TRY(impl_->drop_address(txn, address, guid));
    }
    TRY(impl_->forget(txn, guid));
    TRY(txn.remove(data.recipients, guid.as_bytes()));
    return std::move(*entry);
  });
}

}  // namespace hauspost::directory
