#include <algorithm>

#include "base/text.h"
#include "server/directory/data.h"
#include "server/directory/names.h"
#include "server/directory/reader_impl.h"

namespace hauspost::directory {

namespace {

constexpr std::size_t kGuidBytes = 16;
// Local parts that every domain answers to: RFC 5321 section 4.5.1, RFC 2142 section 4.
constexpr std::string_view kAlwaysThere[] = {"postmaster", "abuse"};

Result<std::optional<MailboxEntry>> first_mailbox(const Data& data, const store::Txn& txn) {
  TRY_ASSIGN(store::Cursor cursor, store::Cursor::open(txn, data.ages));
  TRY_ASSIGN(bool more, cursor.first());
  while (more) {
    TRY_ASSIGN(auto mailbox, find_mailbox(data, txn, cursor.value()));
    if (mailbox && mailbox->enabled) return mailbox;
    TRY_ASSIGN(more, cursor.next());
  }
  return std::nullopt;
}

// A mail user, as one logs in: to send, and for nothing else.
Result<std::optional<MailboxEntry>> find_mail_user(const Data& data, const store::Txn& txn,
                                                   std::string_view address_key) {
  TRY_ASSIGN(const auto found, find_recipient_address(data, txn, address_key));
  if (!found || found->kind != RecipientKind::kMailUser) return std::nullopt;
  return MailboxEntry{.guid = found->guid,
                      .address = found->address,
                      .aliases = found->aliases,
                      .display_name = found->display_name,
                      .imap = false,
                      .pop3 = false,
                      .created_s = found->created_s};
}

// The mailbox that alone has this local part in any domain.
Result<std::optional<MailboxEntry>> find_local(const Data& data, const store::Txn& txn,
                                               std::string_view local) {
  if (local.empty() || local.size() > kLocalPartMax) return std::nullopt;
  std::string prefix = ascii_lower(local);
  prefix += '\0';
  TRY_ASSIGN(store::Cursor cursor, store::Cursor::open(txn, data.locals));
  TRY_ASSIGN(bool more, cursor.seek(prefix));
  if (!more || !cursor.key().starts_with(prefix)) return std::nullopt;
  const std::string guid(cursor.key().substr(prefix.size()));
  TRY_ASSIGN(more, cursor.next());
  if (more && cursor.key().starts_with(prefix)) return std::nullopt;
  return find_mailbox(data, txn, guid);
}

Result<std::optional<MailboxEntry>> find_name(const Data& data, const store::Txn& txn,
                                              std::string_view name) {
  if (name.find('@') == std::string_view::npos) return find_local(data, txn, name);
  const auto address = split_address(name);
  if (!address) return std::nullopt;
  TRY_ASSIGN(auto mailbox, find_address(data, txn, address->key()));
  if (mailbox) return mailbox;
  return find_mail_user(data, txn, address->key());
}

// "user/mailbox": the user, who has full access to the mailbox. A local part may hold '/' too, so
// every one is tried.
Result<std::optional<MailboxEntry>> find_pair(const Data& data, const store::Txn& txn,
                                              std::string_view name) {
  for (std::size_t at = name.find('/'); at != std::string_view::npos; at = name.find('/', at + 1)) {
    TRY_ASSIGN(auto user, find_name(data, txn, name.substr(0, at)));
    if (!user) continue;
    TRY_ASSIGN(const auto opened, find_name(data, txn, name.substr(at + 1)));
    if (!opened || !opened->is_mailbox() || opened->protocol_restricted) continue;
    TRY_ASSIGN(const auto granted, txn.get(data.grants, grant_key(user->guid, opened->guid)));
    if (!granted) continue;
    user->opens = OpenedMailbox{opened->guid, opened->address, opened->database};
    return user;
  }
  return std::nullopt;
}

Result<std::optional<Resolution>> find_holder(const Data& data, const store::Txn& txn,
                                              std::string_view address_key) {
  using Kind = Resolution::Kind;
  if (address_key.size() > store::kKeyBytesMax) return std::nullopt;
  TRY_ASSIGN(const auto guid, txn.get(data.addresses, address_key));
  if (!guid) return std::nullopt;
  TRY_ASSIGN(auto mailbox, find_mailbox(data, txn, *guid));
  if (mailbox) return Resolution{Kind::kMailbox, std::move(mailbox)};
  TRY_ASSIGN(auto recipient, find_recipient(data, txn, *guid));
  if (!recipient) return std::nullopt;
  return Resolution{Kind::kRecipient, std::nullopt, std::move(recipient)};
}

// The address with its +detail (RFC 5233) taken off; empty when it has none.
std::string without_detail(const Address& address) {
  const std::size_t plus = address.local.find('+');
  if (plus == std::string::npos || plus == 0) return {};
  return Address{address.local.substr(0, plus), address.domain}.key();
}

// Names of system mailboxes are no addresses: whoever wants to write to one has to know where.
Result<Resolution> resolve_system(const Data& data, const store::Txn& txn, const Address& address) {
  TRY_ASSIGN(auto found, find_holder(data, txn, address.key()));
  if (!found || !found->mailbox || found->mailbox->address == address.key())
    return Resolution{Resolution::Kind::kUnknownUser};
  return std::move(*found);
}

Result<Resolution> resolve_in(const Data& data, const store::Txn& txn, const Address& address) {
  using Kind = Resolution::Kind;
  if (address.domain == kSystemDomain) return resolve_system(data, txn, address);
  TRY_ASSIGN(const auto domain, find_domain(data, txn, address.domain));
  if (!domain) return Resolution{};
  if (domain->type == DomainType::kExternalRelay) return Resolution{Kind::kRelay};
  TRY_ASSIGN(auto found, find_holder(data, txn, address.key()));
  if (found) return std::move(*found);
  if (domain->plus_addressing) {
    const std::string base = without_detail(address);
    if (!base.empty()) {
      TRY_ASSIGN(found, find_holder(data, txn, base));
    }
    if (found) return std::move(*found);
  }
  if (domain->type == DomainType::kInternalRelay) return Resolution{Kind::kRelay};
  const auto is_it = [&](std::string_view local) { return iequals(local, address.local); };
  if (std::ranges::any_of(kAlwaysThere, is_it)) {
    TRY_ASSIGN(auto mailbox, first_mailbox(data, txn));
    if (mailbox) return Resolution{Kind::kMailbox, std::move(mailbox)};
  }
  if (!domain->catch_all.empty()) {
    TRY_ASSIGN(found, find_holder(data, txn, ascii_lower(domain->catch_all)));
    if (found) return std::move(*found);
  }
  return Resolution{Kind::kUnknownUser};
}

Result<std::vector<MailboxEntry>> mailboxes_of_kind(const Data& data, const store::Txn& txn,
                                                    bool system) {
  TRY_ASSIGN(auto entries,
             read_all<MailboxEntry>(
                 txn, data.mailboxes, [](std::string_view bytes) -> Result<MailboxEntry> {
                   TRY_ASSIGN(StoredMailbox mailbox, mailbox_from_stored(bytes));
                   return std::move(mailbox.entry);
                 }));
  std::erase_if(entries, [system](const MailboxEntry& entry) { return entry.system != system; });
  std::ranges::sort(entries, {}, &MailboxEntry::address);
  return entries;
}

}  // namespace

DirectoryReader::DirectoryReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DirectoryReader::~DirectoryReader() = default;

Result<std::unique_ptr<DirectoryReader>> DirectoryReader::open(const std::string& path) {
  auto data = Data::open(path, false);
  if (!data) return fail(std::move(data).error().within("opening directory"));
  return std::unique_ptr<DirectoryReader>(
      new DirectoryReader(std::make_unique<Impl>(std::move(*data))));
}

Result<Resolution> DirectoryReader::resolve(std::string_view address) const {
  const auto split = split_address(address);
  if (!split) return Resolution{};  // no domain of ours can be in it
  const Data& data = *impl_->data;
  return in_snapshot(data, [&](const store::ReadTxn& txn) { return resolve_in(data, txn, *split); });
}

Result<std::optional<MailboxEntry>> DirectoryReader::find_login(std::string_view name) const {
  const Data& data = *impl_->data;
  return in_snapshot(data, [&](const store::ReadTxn& txn) -> Result<std::optional<MailboxEntry>> {
    TRY_ASSIGN(auto found, find_name(data, txn, name));
    if (found || name.find('/') == std::string_view::npos) return found;
    return find_pair(data, txn, name);
  });
}

Result<std::vector<Guid>> DirectoryReader::full_access_of(const Guid& user) const {
  const Data& data = *impl_->data;
  return in_snapshot(data, [&](const store::ReadTxn& txn) -> Result<std::vector<Guid>> {
    std::vector<Guid> mailboxes;
    TRY_ASSIGN(store::Cursor cursor, store::Cursor::open(txn, data.grants));
    TRY_ASSIGN(bool more, cursor.seek(user.as_bytes()));
    while (more && cursor.key().starts_with(user.as_bytes())) {
      if (const auto mailbox = Guid::from_bytes(cursor.key().substr(kGuidBytes)))
        mailboxes.push_back(*mailbox);
      TRY_ASSIGN(more, cursor.next());
    }
    return mailboxes;
  });
}

Result<std::vector<Guid>> DirectoryReader::full_access_to(const Guid& mailbox) const {
  const Data& data = *impl_->data;
  return in_snapshot(data, [&](const store::ReadTxn& txn) -> Result<std::vector<Guid>> {
    std::vector<Guid> users;
    TRY_ASSIGN(store::Cursor cursor, store::Cursor::open(txn, data.grants));
    TRY_ASSIGN(bool more, cursor.first());
    while (more) {
      const auto user = Guid::from_bytes(cursor.key().substr(0, kGuidBytes));
      if (user && cursor.key().substr(kGuidBytes) == mailbox.as_bytes()) users.push_back(*user);
      TRY_ASSIGN(more, cursor.next());
    }
    return users;
  });
}

Result<bool> DirectoryReader::has_full_access(const Guid& user, const Guid& mailbox) const {
  return in_snapshot(*impl_->data, [&](const store::ReadTxn& txn) -> Result<bool> {
    TRY_ASSIGN(const auto granted, txn.get(impl_->data->grants, grant_key(user, mailbox)));
    return granted.has_value();
  });
}

Result<std::optional<MailboxEntry>> DirectoryReader::mailbox(const Guid& guid) const {
  return in_snapshot(*impl_->data, [&](const store::ReadTxn& txn) {
    return find_mailbox(*impl_->data, txn, guid.as_bytes());
  });
}

Result<std::vector<MailboxEntry>> DirectoryReader::mailboxes() const {
  return in_snapshot(*impl_->data, [&](const store::ReadTxn& txn) {
    return mailboxes_of_kind(*impl_->data, txn, false);
  });
}

Result<std::vector<MailboxEntry>> DirectoryReader::system_mailboxes() const {
  return in_snapshot(*impl_->data, [&](const store::ReadTxn& txn) {
    return mailboxes_of_kind(*impl_->data, txn, true);
  });
}

Result<std::optional<MailboxEntry>> DirectoryReader::health_mailbox(
    std::string_view database) const {
  return in_snapshot(*impl_->data, [&](const store::ReadTxn& txn) {
    return find_health_mailbox(*impl_->data, txn, database);
  });
}

Result<std::optional<DatabaseEntry>> DirectoryReader::database(std::string_view name) const {
  return in_snapshot(*impl_->data, [&](const store::ReadTxn& txn) {
    return find_database(*impl_->data, txn, name);
  });
}

Result<std::vector<DatabaseEntry>> DirectoryReader::databases() const {
  return in_snapshot(*impl_->data,
                     [&](const store::ReadTxn& txn) { return all_databases(*impl_->data, txn); });
}

Result<EffectiveLimits> DirectoryReader::limits(const Guid& mailbox) const {
  const Data& data = *impl_->data;
  using Found = std::optional<EffectiveLimits>;
  TRY_ASSIGN(const Found found, in_snapshot(data, [&](const store::ReadTxn& txn) -> Result<Found> {
               TRY_ASSIGN(const auto entry, find_mailbox(data, txn, mailbox.as_bytes()));
               if (!entry) return Found();
               TRY_ASSIGN(const auto database, find_database(data, txn, entry->database));
               EffectiveLimits limits;
               if (database) apply(database->limits, limits);
               apply(entry->limits, limits);
               return Found(limits);
             }));
  if (!found) return fail(ErrorCode::kNotFound, "the mailbox does not exist");
  return *found;
}

Result<std::uint64_t> DirectoryReader::version() const {
  return in_snapshot(*impl_->data,
                     [](const store::ReadTxn& txn) -> Result<std::uint64_t> { return txn.id(); });
}

Result<bool> DirectoryReader::is_accepted_domain(std::string_view domain) const {
  TRY_ASSIGN(const auto found, this->domain(domain));
  return found.has_value();
}

Result<std::optional<DomainEntry>> DirectoryReader::domain(std::string_view domain) const {
  const auto name = canonical_domain(domain);
  if (!name) return std::nullopt;
  return in_snapshot(*impl_->data, [&](const store::ReadTxn& txn) {
    return find_domain(*impl_->data, txn, *name);
  });
}

Result<std::vector<DomainEntry>> DirectoryReader::domains() const {
  return in_snapshot(*impl_->data, [&](const store::ReadTxn& txn) {
    return read_all<DomainEntry>(txn, impl_->data->domains, domain_from_stored);
  });
}

Result<std::uint64_t> DirectoryReader::mailbox_count(std::string_view database) const {
  return in_snapshot(*impl_->data, [&](const store::ReadTxn& txn) {
    return read_count(*impl_->data, txn, database_count_key(database));
  });
}

Result<std::uint64_t> DirectoryReader::address_count(std::string_view domain) const {
  return in_snapshot(*impl_->data, [&](const store::ReadTxn& txn) {
    return read_count(*impl_->data, txn, domain_count_key(domain));
  });
}

Result<bool> DirectoryReader::service_enabled(std::string_view service) const {
  const auto known = std::ranges::find(kServices, service, &ServiceInfo::name);
  if (known == std::end(kServices)) return false;
  return in_snapshot(*impl_->data, [&](const store::ReadTxn& txn) -> Result<bool> {
    TRY_ASSIGN(const auto set, txn.get(impl_->data->services, service));
    return set ? *set == "on" : known->enabled_by_default;
  });
}

Result<std::string> DirectoryReader::setting(std::string_view key) const {
  if (key.empty() || key.size() > store::kKeyBytesMax) return std::string();
  return in_snapshot(*impl_->data, [&](const store::ReadTxn& txn) -> Result<std::string> {
    TRY_ASSIGN(const auto value, txn.get(impl_->data->settings, key));
    return std::string(value.value_or(std::string_view()));
  });
}

}  // namespace hauspost::directory
