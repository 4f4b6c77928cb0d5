#include "server/directory/writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "server/directory/names.h"
#include "server/directory/writer_impl.h"

namespace hauspost::directory {

namespace {

Result<DatabaseEntry> known_database(const Data& data, const store::Txn& txn,
                                     std::string_view name) {
  TRY_ASSIGN(auto entry, find_database(data, txn, name));
  if (!entry) {
    return fail(ErrorCode::kNotFound,
                fmt::format("database \"{}\" does not exist; see: hauspost database list",
                            escape_for_log(name)));
  }
  return std::move(*entry);
}

}  // namespace

Result<> DirectoryWriter::Impl::add_to_count(store::WriteTxn& txn, const std::string& key,
                                             int step) {
  TRY_ASSIGN(const std::uint64_t before, read_count(*data, txn, key));
  const auto down = static_cast<std::uint64_t>(-std::int64_t{step});
  if (step < 0 && before < down)
    return fail(ErrorCode::kCorrupt, "directory: count " + key + " is wrong");
  const std::uint64_t after = step < 0 ? before - down : before + static_cast<std::uint64_t>(step);
  if (after != 0) return txn.put(data->counts, key, std::to_string(after));
  TRY(txn.remove(data->counts, key));
  return {};
}

DirectoryWriter::DirectoryWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DirectoryWriter::~DirectoryWriter() = default;

Result<std::unique_ptr<DirectoryWriter>> DirectoryWriter::open(const std::string& path) {
  auto data = Data::open(path, true);
  if (!data) return fail(std::move(data).error().within("opening directory"));
  std::unique_ptr<DirectoryReader> reader(
      new DirectoryReader(std::make_unique<DirectoryReader::Impl>(*data)));
  return std::unique_ptr<DirectoryWriter>(
      new DirectoryWriter(std::make_unique<Impl>(std::move(*data), std::move(reader))));
}

Result<> DirectoryWriter::copy_to(int descriptor) const {
  return impl_->data->environment->copy_to(descriptor, true);
}

const DirectoryReader& DirectoryWriter::reader() const { return *impl_->reader; }

Result<DatabaseEntry> DirectoryWriter::create_database(std::string_view name, std::string path,
                                                       std::int64_t now_s) {
  TRY(check_database_name(name));
  if (!path.starts_with('/')) {
    return fail(ErrorCode::kInvalid,
                fmt::format("database path \"{}\" must be absolute", escape_for_log(path)));
  }
  const Data& data = *impl_->data;
  return impl_->in_transaction(true, [&](store::WriteTxn& txn) -> Result<DatabaseEntry> {
    TRY_ASSIGN(const auto others, all_databases(data, txn));
    for (const DatabaseEntry& other : others) {
      if (iequals(other.name, name))
        return fail(ErrorCode::kExists, fmt::format("database {} exists already", other.name));
      if (other.path == path)
        return fail(ErrorCode::kExists,
                    fmt::format("folder {} belongs to database {}; name another --path",
                                escape_for_log(path), other.name));
    }
    DatabaseEntry entry{.guid = Guid::random(),
                        .name = std::string(name),
                        .path = std::move(path),
                        .mounted = false,
                        .created_s = now_s};
    TRY(txn.put(data.databases, ascii_lower(name), to_stored(entry)));
    return entry;
  });
}

Result<DatabaseEntry> DirectoryWriter::Impl::change_database(
    std::string_view name, const std::function<void(DatabaseEntry&)>& change) {
  return in_transaction(true, [&](store::WriteTxn& txn) -> Result<DatabaseEntry> {
    TRY_ASSIGN(DatabaseEntry entry, known_database(*data, txn, name));
    change(entry);
    TRY(txn.put(data->databases, ascii_lower(name), to_stored(entry)));
    return entry;
  });
}

Result<DatabaseEntry> DirectoryWriter::mount_database(std::string_view name) {
  return impl_->change_database(name, [](DatabaseEntry& entry) {
    entry.mounted = true;
    ++entry.epoch;
  });
}

Result<DatabaseEntry> DirectoryWriter::dismount_database(std::string_view name) {
  return impl_->change_database(name, [](DatabaseEntry& entry) { entry.mounted = false; });
}

Result<DatabaseEntry> DirectoryWriter::set_database(std::string_view name,
                                                    const DatabaseChanges& changes) {
  const Data& data = *impl_->data;
  return impl_->in_transaction(true, [&](store::WriteTxn& txn) -> Result<DatabaseEntry> {
    TRY_ASSIGN(DatabaseEntry entry, known_database(data, txn, name));
    if (changes.path) {
      TRY_ASSIGN(const auto others, all_databases(data, txn));
      for (const DatabaseEntry& other : others) {
        if (other.path == *changes.path && other.guid != entry.guid)
          return fail(ErrorCode::kExists, fmt::format("folder {} belongs to database {}",
                                                      escape_for_log(other.path), other.name));
      }
      entry.path = *changes.path;
    }
    if (changes.mount_at_startup) entry.mount_at_startup = *changes.mount_at_startup;
    MaintenanceSettings& maintenance = entry.maintenance;
    if (changes.scan_period_s) maintenance.scan_period_s = *changes.scan_period_s;
    if (changes.compact_below_percent)
      maintenance.compact_below_percent = *changes.compact_below_percent;
    if (changes.keep_log_s) maintenance.keep_log_s = *changes.keep_log_s;
    apply(changes.limits, entry.limits);
    TRY(txn.put(data.databases, ascii_lower(name), to_stored(entry)));
    return entry;
  });
}

Result<DatabaseEntry> DirectoryWriter::begin_restore(std::string_view name) {
  return impl_->change_database(name, [](DatabaseEntry& entry) {
    entry.recovery = true;
    entry.mount_at_startup = false;
  });
}

Result<DatabaseEntry> DirectoryWriter::end_restore(std::string_view name, std::uint64_t epoch,
                                                   bool recovery) {
  return impl_->change_database(name, [epoch, recovery](DatabaseEntry& entry) {
    entry.epoch = std::max(entry.epoch, epoch);
    entry.initialised = true;
    entry.recovery = recovery;
    entry.mount_at_startup = !recovery;
  });
}

Result<DatabaseEntry> DirectoryWriter::note_initialised(std::string_view name) {
  return impl_->change_database(name, [](DatabaseEntry& entry) { entry.initialised = true; });
}

Result<DatabaseEntry> DirectoryWriter::set_database_limits(std::string_view name,
                                                           const LimitChanges& changes) {
  return impl_->change_database(name,
                                [&changes](DatabaseEntry& entry) { apply(changes, entry.limits); });
}

Result<DatabaseEntry> DirectoryWriter::remove_database(std::string_view name, bool dry_run) {
  const Data& data = *impl_->data;
  return impl_->in_transaction(!dry_run, [&](store::WriteTxn& txn) -> Result<DatabaseEntry> {
    TRY_ASSIGN(DatabaseEntry entry, known_database(data, txn, name));
    TRY_ASSIGN(const std::uint64_t mailboxes, read_count(data, txn, database_count_key(name)));
    if (mailboxes != 0) {
      return fail(ErrorCode::kDenied,
                  fmt::format("database {} holds {} mailboxes; remove them first (hauspost mailbox "
                              "list --database {})",
                              entry.name, mailboxes, entry.name));
    }
    if (entry.mounted) {
      return fail(ErrorCode::kDenied, fmt::format("database {} is mounted; dismount it first: "
                                                  "hauspost database dismount {}",
                                                  entry.name, entry.name));
    }
    TRY(impl_->remove_health_mailbox(txn, entry.name));
    TRY(txn.remove(data.databases, ascii_lower(name)));
    return entry;
  });
}

Result<> DirectoryWriter::set_services(std::span<const std::string> names, bool enabled) {
  for (const std::string& name : names) {
    if (std::ranges::find(kServices, name, &ServiceInfo::name) == std::end(kServices)) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("no service is named \"{}\"; see: hauspost service list",
                              escape_for_log(name)));
    }
  }
  return impl_->in_transaction(true, [&](store::WriteTxn& txn) -> Result<> {
    for (const std::string& name : names) {
      TRY(txn.put(impl_->data->services, name, enabled ? "on" : "off"));
    }
    return {};
  });
}

Result<> DirectoryWriter::set_setting(std::string_view key, std::string_view value) {
  if (key.empty() || key.size() > store::kKeyBytesMax)
    return fail(ErrorCode::kInvalid, "a setting's key has 1 to 511 octets");
  return impl_->in_transaction(true, [&](store::WriteTxn& txn) -> Result<> {
    if (!value.empty()) return txn.put(impl_->data->settings, key, value);
    TRY(txn.remove(impl_->data->settings, key));
    return {};
  });
}

}  // namespace hauspost::directory
