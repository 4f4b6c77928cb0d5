#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/text.h"
#include "server/directory/names.h"
#include "server/directory/writer_impl.h"

namespace hauspost::directory {

namespace {

constexpr std::string_view kNextNumber = "next_number";

// The database with the fewest mailboxes, the first by name among equals.
Result<std::string> choose_database(const Data& data, const store::Txn& txn) {
  TRY_ASSIGN(const auto databases, all_databases(data, txn));
  if (databases.empty()) {
    return fail(ErrorCode::kNotFound,
                "there is no database yet; create one first: hauspost database create DB1");
  }
  std::string best;
  std::uint64_t least = 0;
  for (const DatabaseEntry& database : databases) {
    if (database.recovery) continue;
    TRY_ASSIGN(const std::uint64_t count, read_count(data, txn, database_count_key(database.name)));
    if (!best.empty() && count >= least) continue;
    best = database.name;
    least = count;
  }
  if (best.empty()) {
    return fail(ErrorCode::kNotFound,
                "there are only recovery databases; create another: hauspost database create DB1");
  }
  return best;
}

Result<std::string> resolve_database(const Data& data, const store::Txn& txn,
                                     const std::string& wanted) {
  if (wanted.empty()) return choose_database(data, txn);
  TRY_ASSIGN(const auto found, find_database(data, txn, wanted));
  if (!found) {
    return fail(ErrorCode::kNotFound,
                fmt::format("database \"{}\" does not exist; see: hauspost database list",
                            escape_for_log(wanted)));
  }
  if (found->recovery) {
    return fail(ErrorCode::kDenied,
                fmt::format("database {} is a recovery database: no mailbox lives there; name "
                            "another",
                            found->name));
  }
  return found->name;
}

struct Plan {
  MailboxEntry entry;
  std::vector<Address> addresses;  // the primary one first
};

Result<Plan> plan_mailbox(const Data& data, const store::Txn& txn, const MailboxOrder& order,
                          std::int64_t now_s) {
  if (order.aliases.size() > kAliasesMax) {
    return fail(ErrorCode::kInvalid, fmt::format("mailbox {} has more than {} aliases",
                                                 escape_for_log(order.address), kAliasesMax));
  }
  TRY(check_display_name(order.display_name));
  TRY_ASSIGN(const auto same, find_mailbox(data, txn, order.guid.as_bytes()));
  if (same) {
    return fail(ErrorCode::kExists,
                fmt::format("mailbox {} is in use by {}", order.guid.to_string(), same->address));
  }
  Plan plan;
  TRY_ASSIGN(Address primary, check_free(data, txn, order.address));
  plan.addresses.push_back(std::move(primary));
  for (const std::string& alias : order.aliases) {
    TRY_ASSIGN(Address address, check_free(data, txn, alias));
    if (std::ranges::find(plan.addresses, address.key(), &Address::key) != plan.addresses.end()) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("address {} is named twice for one mailbox", address.text()));
    }
    plan.entry.aliases.push_back(address.text());
    plan.addresses.push_back(std::move(address));
  }
  TRY_ASSIGN(plan.entry.database, resolve_database(data, txn, order.database));
  plan.entry.guid = order.guid;
  plan.entry.address = plan.addresses.front().text();
  plan.entry.display_name = order.display_name;
  plan.entry.created_s = now_s;
  plan.entry.shared = order.shared;
  return plan;
}

Result<std::uint64_t> take_number(const Data& data, store::WriteTxn& txn) {
  TRY_ASSIGN(const auto text, txn.get(data.meta, kNextNumber));
  const auto number = text ? parse_u64(*text) : std::optional<std::uint64_t>(1);
  if (!number) return fail(ErrorCode::kCorrupt, "directory: next_number is not a number");
  TRY(txn.put(data.meta, kNextNumber, std::to_string(*number + 1)));
  return *number;
}

Result<> check_grant(const MailboxEntry& user, const MailboxEntry& mailbox) {
  if (user.guid == mailbox.guid) {
    return fail(ErrorCode::kInvalid, fmt::format("mailbox {} is {}'s own: nothing has to be granted",
                                                 mailbox.address, user.address));
  }
  if (user.shared) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} is a shared mailbox: nobody logs in as it; grant access to a user",
                            user.address));
  }
  if (!iequals(user.database, mailbox.database)) {
    return fail(ErrorCode::kDenied,
                fmt::format("mailbox {} lives in database {}, {} in {}: both must be in one; see: "
                            "hauspost mailbox list",
                            mailbox.address, mailbox.database, user.address, user.database));
  }
  return {};
}

std::string age_key(std::uint64_t number) {
  std::string key;
  put_be(key, number);
  return key;
}

}  // namespace

Result<std::vector<Result<MailboxEntry>>> DirectoryWriter::create_mailboxes(
    std::span<const MailboxOrder> orders, std::int64_t now_s, bool dry_run) {
  using Outcomes = std::vector<Result<MailboxEntry>>;
  const Data& data = *impl_->data;
  return impl_->in_transaction(!dry_run, [&](store::WriteTxn& txn) -> Result<Outcomes> {
    Outcomes outcomes;
    outcomes.reserve(orders.size());
    for (const MailboxOrder& order : orders) {
      auto plan = plan_mailbox(data, txn, order, now_s);
      if (!plan) {
        outcomes.push_back(fail(std::move(plan).error()));
        continue;
      }
      const Guid& guid = plan->entry.guid;
      TRY_ASSIGN(const std::uint64_t number, take_number(data, txn));
      TRY(txn.put(data.mailboxes, guid.as_bytes(), to_stored(plan->entry, number)));
      TRY(txn.put(data.ages, age_key(number), guid.as_bytes()));
      for (const Address& address : plan->addresses) {
        TRY(impl_->put_address(txn, address, guid, true));
      }
      TRY(impl_->add_to_count(txn, database_count_key(plan->entry.database), 1));
      outcomes.push_back(std::move(plan->entry));
    }
    return outcomes;
  });
}

Result<MailboxEntry> DirectoryWriter::Impl::change_mailbox(
    const Guid& guid, const std::function<void(MailboxEntry&)>& change) {
  return in_transaction(true, [&](store::WriteTxn& txn) -> Result<MailboxEntry> {
    TRY_ASSIGN(const auto bytes, txn.get(data->mailboxes, guid.as_bytes()));
    if (!bytes) return fail(ErrorCode::kNotFound, "the mailbox does not exist");
    TRY_ASSIGN(StoredMailbox stored, mailbox_from_stored(*bytes));
    change(stored.entry);
    TRY(txn.put(data->mailboxes, guid.as_bytes(), to_stored(stored.entry, stored.number)));
    return std::move(stored.entry);
  });
}

Result<MailboxEntry> DirectoryWriter::set_mailbox_limits(const Guid& guid,
                                                         const LimitChanges& changes) {
  return impl_->change_mailbox(guid, [&](MailboxEntry& entry) { apply(changes, entry.limits); });
}

Result<MailboxEntry> DirectoryWriter::set_mailbox_names(const Guid& guid,
                                                        const NameChanges& changes) {
  if (changes.display_name) TRY(check_display_name(*changes.display_name));
  const Data& data = *impl_->data;
  return impl_->in_transaction(true, [&](store::WriteTxn& txn) -> Result<MailboxEntry> {
    TRY_ASSIGN(const auto bytes, txn.get(data.mailboxes, guid.as_bytes()));
    if (!bytes) return fail(ErrorCode::kNotFound, "the mailbox does not exist");
    TRY_ASSIGN(StoredMailbox stored, mailbox_from_stored(*bytes));
    MailboxEntry& entry = stored.entry;
    entry.display_name = changes.display_name.value_or(entry.display_name);
    TRY(impl_->change_aliases(
        txn, {guid, entry.address, changes.remove_aliases, changes.add_aliases, true},
        entry.aliases));
    TRY(txn.put(data.mailboxes, guid.as_bytes(), to_stored(entry, stored.number)));
    return std::move(entry);
  });
}

Result<MailboxEntry> DirectoryWriter::set_mailbox_login(const Guid& guid,
                                                        const LoginChanges& changes) {
  return impl_->change_mailbox(guid, [&](MailboxEntry& entry) {
    entry.imap = changes.imap.value_or(entry.imap);
    entry.pop3 = changes.pop3.value_or(entry.pop3);
    entry.smtp = changes.smtp.value_or(entry.smtp);
    entry.protocol_restricted = changes.protocol_restricted.value_or(entry.protocol_restricted);
    entry.app_passwords_only = changes.app_passwords_only.value_or(entry.app_passwords_only);
  });
}

Result<MailboxEntry> DirectoryWriter::set_mailbox_imap_without(const Guid& guid,
                                                               std::vector<std::string> names) {
  return impl_->change_mailbox(guid,
                               [&](MailboxEntry& entry) { entry.imap_without = std::move(names); });
}

Result<MailboxEntry> DirectoryWriter::set_forwarding(const Guid& guid, const std::string& to,
                                                     bool keep_copy) {
  std::string target;
  if (!to.empty()) {
    TRY_ASSIGN(const Address address, parse_address(to));
    TRY_ASSIGN(const auto found, reader().resolve(address.text()));
    if (found.mailbox && found.mailbox->guid == guid) {
      return fail(ErrorCode::kInvalid, fmt::format("mailbox {} cannot be forwarded to itself",
                                                   found.mailbox->address));
    }
    if (found.kind == Resolution::Kind::kUnknownUser) {
      return fail(ErrorCode::kNotFound,
                  fmt::format("nobody has the address {}; see: hauspost mailbox list",
                              escape_for_log(address.text())));
    }
    target = address.text();
  }
  return impl_->change_mailbox(guid, [&](MailboxEntry& entry) {
    entry.forward_to = target;
    entry.forward_keeps_copy = keep_copy;
  });
}

Result<std::uint64_t> DirectoryWriter::move_mailboxes(std::string_view from, std::string_view to) {
  const Data& data = *impl_->data;
  return impl_->in_transaction(true, [&](store::WriteTxn& txn) -> Result<std::uint64_t> {
    TRY_ASSIGN(const auto known, find_database(data, txn, from));
    if (!known) {
      return fail(ErrorCode::kNotFound,
                  fmt::format("database \"{}\" does not exist", escape_for_log(from)));
    }
    const DatabaseEntry& old = *known;
    if (old.mounted)
      return fail(ErrorCode::kDenied, fmt::format("database {} is mounted", old.name));
    TRY_ASSIGN(const std::string name, resolve_database(data, txn, std::string(to)));
    std::vector<StoredMailbox> moving;
    {
      TRY_ASSIGN(auto cursor, store::Cursor::open(txn, data.mailboxes));
      TRY_ASSIGN(bool here, cursor.first());
      while (here) {
        TRY_ASSIGN(StoredMailbox stored, mailbox_from_stored(cursor.value()));
        if (iequals(stored.entry.database, old.name) && !stored.entry.system)
          moving.push_back(std::move(stored));
        TRY_ASSIGN(here, cursor.next());
      }
    }
    for (StoredMailbox& stored : moving) {
      stored.entry.database = name;
      TRY(txn.put(data.mailboxes, stored.entry.guid.as_bytes(),
                  to_stored(stored.entry, stored.number)));
    }
    const int count = static_cast<int>(moving.size());
    TRY(impl_->add_to_count(txn, database_count_key(old.name), -count));
    TRY(impl_->add_to_count(txn, database_count_key(name), count));
    return moving.size();
  });
}

Result<> DirectoryWriter::set_full_access(const Guid& user, const Guid& mailbox, bool granted) {
  const Data& data = *impl_->data;
  return impl_->in_transaction(true, [&](store::WriteTxn& txn) -> Result<> {
    TRY_ASSIGN(const auto who, find_mailbox(data, txn, user.as_bytes()));
    TRY_ASSIGN(const auto what, find_mailbox(data, txn, mailbox.as_bytes()));
    if (!who || !what) return fail(ErrorCode::kNotFound, "the mailbox does not exist");
    const std::string key = grant_key(user, mailbox);
    if (granted) {
      TRY(check_grant(*who, *what));
      return txn.put(data.grants, key, {});
    }
    TRY(txn.remove(data.grants, key));
    return {};
  });
}

Result<MailboxEntry> DirectoryWriter::remove_mailbox(const Guid& guid) {
  const Data& data = *impl_->data;
  return impl_->in_transaction(true, [&](store::WriteTxn& txn) -> Result<MailboxEntry> {
    TRY_ASSIGN(const auto bytes, txn.get(data.mailboxes, guid.as_bytes()));
    if (!bytes) return fail(ErrorCode::kNotFound, "the mailbox does not exist");
    TRY_ASSIGN(StoredMailbox stored, mailbox_from_stored(*bytes));
    MailboxEntry& entry = stored.entry;
    std::vector<std::string> addresses = entry.aliases;
    addresses.push_back(entry.address);
    for (const std::string& text : addresses) {
      TRY_ASSIGN(const Address address, split_address(text));
      TRY(impl_->drop_address(txn, address, guid));
    }
    if (!entry.system) {
      TRY(impl_->add_to_count(txn, database_count_key(entry.database), -1));
      TRY(txn.remove(data.ages, age_key(stored.number)));
    }
    TRY(txn.remove(data.mailboxes, guid.as_bytes()));
    TRY(impl_->forget(txn, guid));
    return std::move(entry);
  });
}

}  // namespace hauspost::directory
