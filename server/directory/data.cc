#include "server/directory/data.h"

#include <fmt/format.h>

#include "base/text.h"
#include "server/directory/entries.pb.h"

namespace hauspost::directory {

namespace {

constexpr std::uint64_t kMapBytes = 4ULL << 30;  // a sparse file: about ten million mailboxes
constexpr unsigned kReaders = 512;
constexpr unsigned kTablesMax = 64;

Result<> check_format(Data& data, bool writable) {
  std::string format;
  {
    TRY_ASSIGN(const store::ReadTxn txn, data.environment->read());
    TRY_ASSIGN(const auto stored, txn.get(data.meta, "format"));
    if (stored) format = *stored;
  }
  if (format == std::to_string(kFormat)) return {};
  if (!format.empty() || !writable) {
    return fail(ErrorCode::kInvalid,
                fmt::format("the directory has format \"{}\", this program knows format {}",
                            escape_for_log(format), kFormat));
  }
  TRY_ASSIGN(store::WriteTxn txn, data.environment->write());
  TRY(txn.put(data.meta, "format", std::to_string(kFormat)));
  return txn.commit();
}

template <class Message>
bool parse(Message& message, std::string_view bytes) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

// Copies the fields that are set, one way or the other.
void to_stored(const Limits& from, stored::Limits& to) {
  if (from.warn_bytes) to.set_warn_bytes(*from.warn_bytes);
  if (from.prohibit_send_bytes) to.set_prohibit_send_bytes(*from.prohibit_send_bytes);
  if (from.prohibit_receive_bytes) to.set_prohibit_receive_bytes(*from.prohibit_receive_bytes);
  if (from.recoverable_bytes) to.set_recoverable_bytes(*from.recoverable_bytes);
  if (from.keep_deleted_s) to.set_keep_deleted_s(*from.keep_deleted_s);
  if (from.keep_disconnected_s) to.set_keep_disconnected_s(*from.keep_disconnected_s);
  if (from.message_bytes_max) to.set_message_bytes_max(*from.message_bytes_max);
  if (from.sessions_max) to.set_sessions_max(*from.sessions_max);
}

Limits limits_from_stored(const stored::Limits& from) {
  Limits to;
  if (from.has_warn_bytes()) to.warn_bytes = from.warn_bytes();
  if (from.has_prohibit_send_bytes()) to.prohibit_send_bytes = from.prohibit_send_bytes();
  if (from.has_prohibit_receive_bytes()) to.prohibit_receive_bytes = from.prohibit_receive_bytes();
  if (from.has_recoverable_bytes()) to.recoverable_bytes = from.recoverable_bytes();
  if (from.has_keep_deleted_s()) to.keep_deleted_s = from.keep_deleted_s();
  if (from.has_keep_disconnected_s()) to.keep_disconnected_s = from.keep_disconnected_s();
  if (from.has_message_bytes_max()) to.message_bytes_max = from.message_bytes_max();
  if (from.has_sessions_max()) to.sessions_max = from.sessions_max();
  return to;
}

stored::Domain::Type to_stored(DomainType type) {
  switch (type) {
    case DomainType::kAuthoritative: break;
    case DomainType::kInternalRelay: return stored::Domain::TYPE_INTERNAL_RELAY;
    case DomainType::kExternalRelay: return stored::Domain::TYPE_EXTERNAL_RELAY;
  }
  return stored::Domain::TYPE_AUTHORITATIVE;
}

DomainType type_from_stored(stored::Domain::Type type) {
  if (type == stored::Domain::TYPE_INTERNAL_RELAY) return DomainType::kInternalRelay;
  if (type == stored::Domain::TYPE_EXTERNAL_RELAY) return DomainType::kExternalRelay;
  return DomainType::kAuthoritative;
}

std::unexpected<Error> damaged(std::string_view what) {
  return fail(ErrorCode::kCorrupt, fmt::format("directory: an entry of {} does not parse", what));
}

}  // namespace

Result<std::shared_ptr<Data>> Data::open(const std::string& path, bool writable) {
  auto data = std::make_shared<Data>();
  TRY_ASSIGN(
      data->environment,
      store::Environment::open(
          {.path = path,
           .map_bytes = kMapBytes,
           .readers_max = kReaders,
           .tables_max = kTablesMax,
           .read_only = !writable}));
  const std::pair<const char*, store::Table*> tables[] = {
      {"meta", &data->meta},           {"databases", &data->databases},
      {"domains", &data->domains},     {"mailboxes", &data->mailboxes},
      {"addresses", &data->addresses}, {"locals", &data->locals},
      {"ages", &data->ages},           {"counts", &data->counts},
      {"services", &data->services},   {"settings", &data->settings},
      {"grants", &data->grants},
      {"send_grants", &data->send_grants},
      {"recipients", &data->recipients},
      {"members", &data->members},
      {"memberships", &data->memberships},
  };
  for (const auto& [name, table] : tables) {
    TRY_ASSIGN(*table, data->environment->open_table(name, writable));
  }
  TRY(check_format(*data, writable));
  return data;
}

std::string to_stored(const DatabaseEntry& entry) {
  stored::Database message;
  message.set_guid(std::string(entry.guid.as_bytes()));
  message.set_name(entry.name);
  message.set_path(entry.path);
  message.set_mount_at_startup(entry.mount_at_startup);
  message.set_mounted(entry.mounted);
  message.set_epoch(entry.epoch);
  message.set_created_s(entry.created_s);
  message.set_initialised(entry.initialised);
  message.set_recovery(entry.recovery);
  message.set_scan_period_s(entry.maintenance.scan_period_s);
  message.set_compact_below_percent(entry.maintenance.compact_below_percent);
  message.set_keep_log_s(entry.maintenance.keep_log_s);
  if (entry.limits != Limits()) to_stored(entry.limits, *message.mutable_limits());
  return message.SerializeAsString();
}

std::string to_stored(const DomainEntry& entry) {
  stored::Domain message;
  message.set_name(entry.name);
  message.set_type(to_stored(entry.type));
  message.set_subdomains(entry.subdomains);
  message.set_catch_all(entry.catch_all);
  message.set_no_plus_addressing(!entry.plus_addressing);
  message.set_no_srs(!entry.srs);
  return message.SerializeAsString();
}

std::string to_stored(const MailboxEntry& entry, std::uint64_t number) {
  stored::Mailbox message;
  message.set_guid(std::string(entry.guid.as_bytes()));
  message.set_address(entry.address);
  for (const std::string& alias : entry.aliases) message.add_aliases(alias);
  message.set_display_name(entry.display_name);
  message.set_database(entry.database);
  message.set_enabled(entry.enabled);
  message.set_imap(entry.imap);
  message.set_pop3(entry.pop3);
  message.set_smtp(entry.smtp);
  message.set_protocol_restricted(entry.protocol_restricted);
  message.set_created_s(entry.created_s);
  message.set_number(number);
  message.set_shared(entry.shared);
  message.set_app_passwords_only(entry.app_passwords_only);
  for (const std::string& name : entry.imap_without) message.add_imap_without(name);
  message.set_forward_to(entry.forward_to);
  message.set_forward_only(!entry.forward_keeps_copy);
  message.set_system(entry.system);
  if (entry.limits != Limits()) to_stored(entry.limits, *message.mutable_limits());
  return message.SerializeAsString();
}

namespace {

MaintenanceSettings maintenance_from_stored(const stored::Database& from) {
  MaintenanceSettings to;
  if (from.has_scan_period_s()) to.scan_period_s = from.scan_period_s();
  if (from.has_compact_below_percent()) to.compact_below_percent = from.compact_below_percent();
  if (from.has_keep_log_s()) to.keep_log_s = from.keep_log_s();
  return to;
}

}  // namespace

Result<DatabaseEntry> database_from_stored(std::string_view bytes) {
  stored::Database message;
  if (!parse(message, bytes)) return damaged("databases");
  const auto guid = Guid::from_bytes(message.guid());
  if (!guid) return damaged("databases");
  return DatabaseEntry{.guid = *guid,
                       .name = message.name(),
                       .path = message.path(),
                       .mount_at_startup = message.mount_at_startup(),
                       .mounted = message.mounted(),
                       .epoch = message.epoch(),
                       .created_s = message.created_s(),
                       .initialised = message.initialised(),
                       .recovery = message.recovery(),
                       .maintenance = maintenance_from_stored(message),
                       .limits = limits_from_stored(message.limits())};
}

Result<DomainEntry> domain_from_stored(std::string_view bytes) {
  stored::Domain message;
  if (!parse(message, bytes)) return damaged("domains");
  return DomainEntry{.name = message.name(),
                     .type = type_from_stored(message.type()),
                     .subdomains = message.subdomains(),
                     .catch_all = message.catch_all(),
                     .plus_addressing = !message.no_plus_addressing(),
                     .srs = !message.no_srs()};
}

Result<StoredMailbox> mailbox_from_stored(std::string_view bytes) {
  stored::Mailbox message;
  if (!parse(message, bytes)) return damaged("mailboxes");
  const auto guid = Guid::from_bytes(message.guid());
  if (!guid) return damaged("mailboxes");
  MailboxEntry entry{.guid = *guid,
                     .address = message.address(),
                     .aliases = {message.aliases().begin(), message.aliases().end()},
                     .display_name = message.display_name(),
                     .database = message.database(),
                     .enabled = message.enabled(),
                     .imap = message.imap(),
                     .pop3 = message.pop3(),
                     .smtp = message.smtp(),
                     .protocol_restricted = message.protocol_restricted(),
                     .created_s = message.created_s(),
                     .limits = limits_from_stored(message.limits()),
                     .shared = message.shared(),
                     .app_passwords_only = message.app_passwords_only(),
                     .imap_without = {message.imap_without().begin(),
                                      message.imap_without().end()},
                     .forward_to = message.forward_to(),
                     .forward_keeps_copy = !message.forward_only(),
                     .system = message.system()};
  return StoredMailbox{std::move(entry), message.number()};
}

Result<std::optional<DatabaseEntry>> find_database(const Data& data, const store::Txn& txn,
                                                   std::string_view name) {
  if (name.size() > store::kKeyBytesMax || name.empty()) return std::nullopt;
  TRY_ASSIGN(const auto bytes, txn.get(data.databases, ascii_lower(name)));
  if (!bytes) return std::nullopt;
  TRY_ASSIGN(DatabaseEntry entry, database_from_stored(*bytes));
  return std::optional(std::move(entry));
}

Result<std::vector<DatabaseEntry>> all_databases(const Data& data, const store::Txn& txn) {
  std::vector<DatabaseEntry> entries;
  TRY_ASSIGN(store::Cursor cursor, store::Cursor::open(txn, data.databases));
  TRY_ASSIGN(bool more, cursor.first());
  while (more) {
    TRY_ASSIGN(DatabaseEntry entry, database_from_stored(cursor.value()));
    entries.push_back(std::move(entry));
    TRY_ASSIGN(more, cursor.next());
  }
  return entries;
}

Result<std::optional<MailboxEntry>> find_mailbox(const Data& data, const store::Txn& txn,
                                                 std::string_view guid) {
  TRY_ASSIGN(const auto bytes, txn.get(data.mailboxes, guid));
  if (!bytes) return std::nullopt;
  TRY_ASSIGN(StoredMailbox mailbox, mailbox_from_stored(*bytes));
  return std::optional(std::move(mailbox.entry));
}

Result<std::optional<MailboxEntry>> find_address(const Data& data, const store::Txn& txn,
                                                 std::string_view address_key) {
  if (address_key.size() > store::kKeyBytesMax || address_key.empty()) return std::nullopt;
  TRY_ASSIGN(const auto guid, txn.get(data.addresses, address_key));
  if (!guid) return std::nullopt;
  return find_mailbox(data, txn, *guid);
}

std::string health_address(const DatabaseEntry& database) {
  constexpr std::size_t kDigits = 8;
  return fmt::format("health-{}@{}", database.guid.to_string().substr(0, kDigits), kSystemDomain);
}

Result<std::optional<MailboxEntry>> find_health_mailbox(const Data& data, const store::Txn& txn,
                                                        std::string_view database) {
  TRY_ASSIGN(const auto entry, find_database(data, txn, database));
  if (!entry) return std::nullopt;
  return find_address(data, txn, health_address(*entry));
}

Result<std::optional<RecipientEntry>> find_recipient(const Data& data, const store::Txn& txn,
                                                     std::string_view guid) {
  TRY_ASSIGN(const auto bytes, txn.get(data.recipients, guid));
  if (!bytes) return std::nullopt;
  TRY_ASSIGN(RecipientEntry entry, recipient_from_stored(*bytes));
  return std::optional(std::move(entry));
}

Result<std::optional<RecipientEntry>> find_recipient_address(const Data& data,
                                                             const store::Txn& txn,
                                                             std::string_view address_key) {
  if (address_key.size() > store::kKeyBytesMax || address_key.empty()) return std::nullopt;
  TRY_ASSIGN(const auto guid, txn.get(data.addresses, address_key));
  if (!guid) return std::nullopt;
  return find_recipient(data, txn, *guid);
}

Result<std::optional<DomainEntry>> find_domain(const Data& data, const store::Txn& txn,
                                               std::string_view name) {
  TRY_ASSIGN(auto bytes, txn.get(data.domains, name));
  if (bytes) {
    TRY_ASSIGN(DomainEntry entry, domain_from_stored(*bytes));
    return std::optional(std::move(entry));
  }
  for (std::size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.')) {
    name.remove_prefix(dot + 1);
    if (name.empty()) break;
    TRY_ASSIGN(bytes, txn.get(data.domains, name));
    if (!bytes) continue;
    TRY_ASSIGN(DomainEntry entry, domain_from_stored(*bytes));
    if (entry.subdomains) return std::optional(std::move(entry));
  }
  return std::nullopt;
}

Result<std::uint64_t> read_count(const Data& data, const store::Txn& txn, const std::string& key) {
  TRY_ASSIGN(const auto text, txn.get(data.counts, key));
  if (!text) return 0;
  const auto number = parse_u64(*text);
  if (!number) return damaged("counts");
  return *number;
}

std::string database_count_key(std::string_view name) { return "database/" + ascii_lower(name); }
std::string domain_count_key(std::string_view domain) { return "domain/" + std::string(domain); }

std::string grant_key(const Guid& user, const Guid& mailbox) {
  return std::string(user.as_bytes()).append(mailbox.as_bytes());
}

std::string local_key(std::string_view local, const Guid& guid) {
  std::string key = ascii_lower(local);
  key += '\0';
  key += guid.as_bytes();
  return key;
}

}  // namespace hauspost::directory
