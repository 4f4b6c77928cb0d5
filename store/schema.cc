#include "store/schema.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/text.h"
#include "store/metadata.h"

namespace hauspost::store {

namespace {

constexpr unsigned kReadersMax = 512;

// Those that an index of kOldestIndexFormat does not have.
bool is_newer_table(std::string_view name) {
  return name == "acl" || name == "seen" || name == "metadata";
}

std::unexpected<Error> bad(std::string_view what) {
  return fail(ErrorCode::kCorrupt, "index: bad row in table " + std::string(what));
}

}  // namespace

std::shared_ptr<Environment> EnvironmentSlot::exchange(
    std::shared_ptr<Environment> environment) const {
  const std::scoped_lock lock(mutex_);
  auto former = std::exchange(current_, std::move(environment));
  std::erase_if(former_, [](const auto& one) { return one.expired(); });
  former_.push_back(former);
  return former;
}

bool EnvironmentSlot::former_in_use() const {
  const std::scoped_lock lock(mutex_);
  return std::ranges::any_of(former_, [](const auto& one) { return !one.expired(); });
}

Result<Index> Index::open(const std::string& path, std::uint64_t bytes_max, bool read_only) {
  Index index;
  Environment::Options options;
  options.path = path;
  options.map_bytes = bytes_max;
  options.readers_max = kReadersMax;
  options.read_only = read_only;
  options.sync = false;
  TRY_ASSIGN(index.environment, Environment::open(options));
  const struct {
    const char* name;
    Table& table;
  } tables[] = {{"", index.state},
                {"mailboxes", index.mailboxes},
                {"folders", index.folders},
                {"folder_names", index.folder_names},
                {"messages", index.messages},
                {"annotations", index.annotations},
                {"bodies", index.bodies},
                {"segments", index.segments},
                {"tombstones", index.tombstones},
                {"deliveries", index.deliveries},
                {"usage", index.usage},
                {"acl", index.acl},
                {"seen", index.seen},
                {"metadata", index.metadata}};
  // Each table that is added is a commit of its own. Until all are there nothing may take the pages
  // of this moment, as they are what the last checkpoint names.
  std::optional<ReadTxn> before;
  if (!read_only) {
    TRY_ASSIGN(before, index.environment->read());
  }
  for (const auto& [name, table] : tables) {
    auto opened = index.environment->open_table(name, false);
    if (!opened && opened.error().code == ErrorCode::kNotFound && !read_only)
      opened = index.environment->open_table(name, true);
    if (!opened && opened.error().code == ErrorCode::kNotFound && is_newer_table(name))
      opened = Table{Table::kAbsent};
    if (!opened) return fail(std::move(opened).error());
    table = *opened;
  }
  return index;
}

std::string encode(const State& state) {
  std::string out;
  put_le(out, kIndexFormat);
  out += state.database.as_bytes();
  put_le(out, state.applied.value);
  put_le(out, state.epoch);
  put_le(out, state.next_mailbox);
  put_le(out, state.next_folder);
  put_le(out, state.next_body);
  put_le(out, state.last_uid_validity);
  put_le(out, state.messages);
  return out;
}

Result<State> decode_state(std::string_view bytes) {
  ByteReader in(bytes);
  const auto format = in.le<std::uint32_t>();
  const bool known = format >= kOldestIndexFormat && format <= kIndexFormat;
  State state;
  state.database = Guid::from_bytes(in.take(16)).value_or(Guid{});
  state.applied = Lsn(in.le<std::uint64_t>());
  state.epoch = in.le<std::uint64_t>();
  state.next_mailbox = in.le<std::uint32_t>();
  state.next_folder = in.le<std::uint32_t>();
  state.next_body = in.le<std::uint64_t>();
  state.last_uid_validity = in.le<std::uint32_t>();
  state.messages = in.le<std::uint64_t>();
  if (!known || !in.at_end()) return bad("state");
  return state;
}

Result<State> read_state(const Txn& txn, const Index& index) {
  TRY_ASSIGN(const auto raw, txn.get(index.state, kStateKey));
  if (!raw) return State{};
  return decode_state(*raw);
}

std::string encode(const FolderRow& row) {
  const Folder& folder = row.folder;
  std::string out;
  put_le(out, folder.mailbox.value);
  put_le(out, folder.parent.value);
  put_le(out, folder.uid_validity);
  put_le(out, folder.uid_next.value);
  put_le(out, folder.highest_modseq.value);
  put_le(out, folder.messages);
  put_le(out, folder.unseen);
  put_le(out, folder.deleted);
  put_le(out, folder.bytes);
  put_le(out, static_cast<std::uint8_t>(folder.special_use));
  put_le(out, static_cast<std::uint8_t>(folder.subscribed));
  put_le(out, row.tombstones);
  put_le(out, row.tombstone_floor.value);
  put_string(out, folder.name);
  put_le(out, static_cast<std::uint32_t>(folder.keywords.size()));
  for (const std::string& keyword : folder.keywords) put_string(out, keyword);
  return out;
}

Result<FolderRow> decode_folder(FolderId id, std::string_view bytes) {
  ByteReader in(bytes);
  FolderRow row;
  Folder& folder = row.folder;
  folder.id = id;
  folder.mailbox = MailboxId(in.le<std::uint32_t>());
  folder.parent = FolderId(in.le<std::uint32_t>());
  folder.uid_validity = in.le<std::uint32_t>();
  folder.uid_next = Uid(in.le<std::uint32_t>());
  folder.highest_modseq = ModSeq(in.le<std::uint64_t>());
  folder.messages = in.le<std::uint32_t>();
  folder.unseen = in.le<std::uint32_t>();
  folder.deleted = in.le<std::uint32_t>();
  folder.bytes = in.le<std::uint64_t>();
  folder.special_use = static_cast<SpecialUse>(in.le<std::uint8_t>());
  folder.subscribed = in.le<std::uint8_t>() != 0;
  row.tombstones = in.le<std::uint32_t>();
  row.tombstone_floor = ModSeq(in.le<std::uint64_t>());
  folder.name = std::string(in.string());
  const auto keywords = in.le<std::uint32_t>();
  if (!in.ok() || keywords > kKeywordsMax) return bad("folders");
  for (std::uint32_t i = 0; i < keywords; ++i) folder.keywords.emplace_back(in.string());
  if (!in.at_end()) return bad("folders");
  return row;
}

Result<std::optional<FolderRow>> read_folder(const Txn& txn, const Index& index, FolderId id) {
  TRY_ASSIGN(const auto raw, txn.get(index.folders, folder_key(id)));
  if (!raw) return std::nullopt;
  TRY_ASSIGN(FolderRow row, decode_folder(id, *raw));
  return row;
}

std::string encode(const Mailbox& mailbox) {
  std::string out;
  put_le(out, mailbox.id.value);
  put_le(out, mailbox.created_s);
  put_le(out, mailbox.disconnected_s);
  put_string(out, mailbox.label);
  return out;
}

Result<Mailbox> decode_mailbox(const Guid& guid, std::string_view bytes) {
  ByteReader in(bytes);
  Mailbox mailbox;
  mailbox.guid = guid;
  mailbox.id = MailboxId(in.le<std::uint32_t>());
  mailbox.created_s = in.le<std::int64_t>();
  mailbox.disconnected_s = in.le<std::int64_t>();
  mailbox.label = std::string(in.string());
  if (!in.at_end()) return bad("mailboxes");
  return mailbox;
}

std::string encode(const UsageRow& row) {
  std::string out(row.mailbox.as_bytes());
  put_le(out, row.messages);
  put_le(out, row.bytes);
  put_le(out, row.recoverable_messages);
  put_le(out, row.recoverable_bytes);
  return out;
}

Result<UsageRow> decode_usage(std::string_view bytes) {
  ByteReader in(bytes);
  UsageRow row;
  row.mailbox = Guid::from_bytes(in.take(16)).value_or(Guid{});
  row.messages = in.le<std::uint64_t>();
  row.bytes = in.le<std::uint64_t>();
  row.recoverable_messages = in.le<std::uint64_t>();
  row.recoverable_bytes = in.le<std::uint64_t>();
  if (!in.at_end()) return bad("usage");
  return row;
}

Result<UsageRow> read_usage(const Txn& txn, const Index& index, MailboxId id) {
  TRY_ASSIGN(const auto raw, txn.get(index.usage, usage_key(id)));
  if (!raw) return bad("usage");
  return decode_usage(*raw);
}

std::string encode(const BodyRow& row) {
  std::string out;
  put_le(out, row.segment.value);
  put_le(out, row.offset);
  put_le(out, row.bytes);
  put_le(out, row.references);
  return out;
}

Result<BodyRow> decode_body(std::string_view bytes) {
  ByteReader in(bytes);
  BodyRow row;
  row.segment = Lsn(in.le<std::uint64_t>());
  row.offset = in.le<std::uint64_t>();
  row.bytes = in.le<std::uint64_t>();
  row.references = in.le<std::uint32_t>();
  if (!in.at_end()) return bad("bodies");
  return row;
}

std::string encode(const SegmentRow& row) {
  std::string out;
  put_le(out, row.live_bytes);
  put_le(out, row.dead_bytes);
  put_le(out, static_cast<std::uint8_t>(row.dropped));
  return out;
}

Result<SegmentRow> decode_segment(std::string_view bytes) {
  ByteReader in(bytes);
  SegmentRow row;
  row.live_bytes = in.le<std::uint64_t>();
  row.dead_bytes = in.le<std::uint64_t>();
  row.dropped = in.le<std::uint8_t>() != 0;
  if (!in.at_end()) return bad("segments");
  return row;
}

std::string folder_key(FolderId id) {
  std::string key;
  put_be(key, id.value);
  return key;
}
std::string folder_name_prefix(MailboxId mailbox) {
  std::string key;
  put_be(key, mailbox.value);
  return key;
}
std::string folder_name_prefix(MailboxId mailbox, FolderId parent) {
  std::string key = folder_name_prefix(mailbox);
  put_be(key, parent.value);
  return key;
}
std::string folder_name_key(MailboxId mailbox, FolderId parent, std::string_view name) {
  return folder_name_prefix(mailbox, parent).append(name);
}
std::string usage_key(MailboxId id) { return folder_name_prefix(id); }
std::string message_key(FolderId folder, std::uint32_t uid) {
  std::string key;
  put_be(key, folder.value);
  put_be(key, uid);
  return key;
}
std::string body_key(BodyId id) {
  std::string key;
  put_be(key, id.value);
  return key;
}
std::string segment_key(Lsn first) {
  std::string key;
  put_be(key, first.value);
  return key;
}
std::string tombstone_key(FolderId folder, ModSeq modseq, std::uint32_t first_uid) {
  std::string key;
  put_be(key, folder.value);
  put_be(key, modseq.value);
  put_be(key, first_uid);
  return key;
}
std::string delivery_key(const Guid& delivery, MailboxId mailbox) {
  std::string key(delivery.as_bytes());
  put_be(key, mailbox.value);
  return key;
}

std::string right_key(FolderId folder, const Guid& identity) {
  return folder_key(folder).append(identity.as_bytes());
}
std::string seen_prefix(FolderId folder, std::uint32_t block) { return message_key(folder, block); }
std::string seen_key(FolderId folder, std::uint32_t block, const Guid& identity) {
  return seen_prefix(folder, block).append(identity.as_bytes());
}

std::string metadata_key(const MetadataPlace& place, std::string_view name) {
  std::string key = folder_key(place.folder);
  if (place.folder == FolderId()) put_be(key, place.mailbox.value);
  return key.append(place.owner.as_bytes()).append(ascii_lower(name));
}

std::string encode(const MetadataEntry& entry) {
  std::string out;
  put_string(out, entry.name);
  out += entry.value;
  return out;
}

Result<MetadataEntry> decode_metadata(std::string_view bytes) {
  ByteReader in(bytes);
  MetadataEntry entry;
  entry.name = in.string();
  if (!in.ok()) return bad("metadata");
  entry.value = in.rest();
  return entry;
}

bool is_metadata_name(std::string_view name) {
  if (name.size() > kMetadataNameMax || !name.starts_with('/') || name.ends_with('/')) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (c < ' ' || c >= 0x7f || c == '*' || c == '%') return false;
    if (c == '/' && name[i + 1] == '/') return false;
  }
  return true;
}

std::string encode_rights(RightBits rights) {
  std::string out;
  put_le(out, rights);
  return out;
}

Result<RightBits> decode_rights(std::string_view bytes) {
  if (bytes.size() != sizeof(RightBits)) return bad("acl");
  const auto rights = load_le<RightBits>(bytes.data());
  if (rights == 0 || (rights & ~kAllRights) != 0) return bad("acl");
  return rights;
}

std::string stored_name(FolderId parent, std::string_view name) {
  return parent == FolderId() && iequals(name, "INBOX") ? "INBOX" : std::string(name);
}

Result<std::optional<FolderId>> find_child(const Txn& txn, const Index& index, MailboxId mailbox,
                                           FolderId parent, std::string_view name) {
  if (name.empty() || name.size() > kFolderNameMax) return std::nullopt;
  TRY_ASSIGN(const auto raw, txn.get(index.folder_names,
                                     folder_name_key(mailbox, parent, stored_name(parent, name))));
  if (!raw) return std::nullopt;
  if (raw->size() != sizeof(std::uint32_t)) return bad("folder_names");
  return FolderId(load_le<std::uint32_t>(raw->data()));
}

Result<std::optional<FolderId>> find_path(const Txn& txn, const Index& index, MailboxId mailbox,
                                          std::string_view path) {
  FolderId at;
  for (const std::string_view level : split(path, kHierarchySeparator)) {
    TRY_ASSIGN(const auto child, find_child(txn, index, mailbox, at, level));
    if (!child) return std::nullopt;
    at = *child;
  }
  return at == FolderId() ? std::nullopt : std::optional(at);
}

}  // namespace hauspost::store
