// The plan of a change of metadata.
#include <map>

#include "base/text.h"
#include "store/metadata.h"
#include "store/plan.h"

namespace hauspost::store {

namespace {

// What one owner has at one place while changes are planned: sizes by the names as they compare.
using Sizes = std::map<std::string, std::size_t, std::less<>>;

Result<Sizes> read_sizes(Plan& plan, const MetadataPlace& place) {
  const std::string prefix = metadata_key(place, "");
  Sizes sizes;
  TRY_ASSIGN(Cursor cursor, Cursor::open(plan.txn(), plan.index().metadata));
  TRY_ASSIGN(bool here, cursor.seek(prefix));
  while (here && cursor.key().starts_with(prefix)) {
    TRY_ASSIGN(const MetadataEntry entry, decode_metadata(cursor.value()));
    sizes.emplace(cursor.key().substr(prefix.size()), entry.name.size() + entry.value.size());
    TRY_ASSIGN(here, cursor.next());
  }
  return sizes;
}

Result<> check_change(const MetadataChange& change) {
  if (!is_metadata_name(change.name)) return fail(ErrorCode::kInvalid, "not a metadata entry");
  if (change.value && change.value->size() > kMetadataValueMax)
    return fail(ErrorCode::kInvalid, "the entry's value is too long");
  return {};
}

Result<> check_room(const Sizes& sizes) {
  std::size_t bytes = 0;
  for (const auto& [name, size] : sizes) bytes += size;
  if (sizes.size() > kMetadataEntriesMax || bytes > kMetadataBytesMax)
    return fail(ErrorCode::kExhausted, "there would be too many metadata entries");
  return {};
}

}  // namespace

Result<std::vector<SetMetadata>> decide_metadata(Plan& plan, MailboxId mailbox, FolderId folder,
                                                 const std::vector<MetadataChange>& changes) {
  if (folder != FolderId()) {
    TRY_ASSIGN(const Folder* const found, wanted_folder(plan, folder));
    mailbox = found->mailbox;
  }
  std::map<std::string, Sizes> owners;
  std::vector<SetMetadata> operations;
  for (const MetadataChange& change : changes) {
    TRY(check_change(change));
    const auto [at, is_new] = owners.try_emplace(std::string(change.owner.as_bytes()));
    Sizes& sizes = at->second;
    if (is_new) {
      TRY_ASSIGN(sizes, read_sizes(plan, {mailbox, folder, change.owner}));
    }
    const std::string name = ascii_lower(change.name);
    if (change.value) {
      sizes[name] = change.name.size() + change.value->size();
    } else if (sizes.erase(name) == 0) {
      continue;
    }
    operations.push_back({mailbox, folder, change.owner, change.name, change.value.has_value(),
                          change.value.value_or("")});
  }
  // One that takes more away than it brings is never refused.
  const bool grows = std::ranges::any_of(operations, &SetMetadata::present);
  for (const auto& [owner, sizes] : owners) {
    if (grows) TRY(check_room(sizes));
  }
  return operations;
}

Result<> plan_set_metadata(Plan& plan, MailboxId mailbox, FolderId folder,
                           const std::vector<MetadataChange>& changes) {
  TRY_ASSIGN(const auto operations, decide_metadata(plan, mailbox, folder, changes));
  for (const SetMetadata& operation : operations) TRY(plan.emit(operation));
  return {};
}

}  // namespace hauspost::store
