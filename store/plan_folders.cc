// Plans of changes to mailboxes and folders.
#include "base/bytes.h"
#include "base/text.h"
#include "store/plan.h"

namespace hauspost::store {

namespace {

// A folder's messages that go for good with it in one step; as many as a long deletion takes.
constexpr std::uint32_t kDroppedAtOnceMax = 2000;

// S2-28: what every mailbox begins with.
constexpr struct {
  std::string_view name;
  SpecialUse use;
} kDefaultFolders[] = {{"INBOX", SpecialUse::kInbox}, {"Drafts", SpecialUse::kDrafts},
                       {"Sent", SpecialUse::kSent},   {"Junk", SpecialUse::kJunk},
                       {"Trash", SpecialUse::kTrash}, {"Archive", SpecialUse::kArchive}};

Result<> check_path(std::string_view path) {
  const auto invalid = [](const char* why) { return fail(ErrorCode::kInvalid, why); };
  if (path.empty()) return invalid("the folder's name is empty");
  if (!is_valid_utf8(path)) return invalid("the folder's name is not UTF-8");
  const auto levels = split(path, kHierarchySeparator);
  if (levels.size() > kFolderDepthMax) return invalid("the folder would lie too deep");
  for (const std::string_view level : levels) {
    if (level.empty()) return invalid("the folder's name has an empty level");
    if (level.size() > kFolderNameMax) return invalid("a level of the folder's name is too long");
    for (const char c : level) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
        return invalid("the folder's name has a control character");
    }
  }
  return {};
}

// How much of `path` exists: the deepest existing folder and the levels still to be made.
struct Walk {
  FolderId deepest;
  std::vector<FolderId> ancestors;  // existing ones, from the top
  std::vector<std::string_view> missing;
};
Result<Walk> walk(Plan& plan, MailboxId mailbox, std::string_view path) {
  Walk result;
  for (const std::string_view level : split(path, kHierarchySeparator)) {
    if (result.missing.empty()) {
      TRY_ASSIGN(const auto child,
                 find_child(plan.txn(), plan.index(), mailbox, result.deepest, level));
      if (child) {
        result.deepest = *child;
        result.ancestors.push_back(*child);
        continue;
      }
    }
    result.missing.push_back(level);
  }
  return result;
}

Result<std::size_t> count_folders(Plan& plan, const std::string& prefix) {
  TRY_ASSIGN(Cursor cursor, Cursor::open(plan.txn(), plan.index().folder_names));
  TRY_ASSIGN(bool here, cursor.seek(prefix));
  std::size_t count = 0;
  while (here && cursor.key().starts_with(prefix)) {
    ++count;
    TRY_ASSIGN(here, cursor.next());
  }
  return count;
}

Result<bool> has_children(Plan& plan, const Folder& folder) {
  const std::string prefix = folder_name_prefix(folder.mailbox, folder.id);
  TRY_ASSIGN(Cursor cursor, Cursor::open(plan.txn(), plan.index().folder_names));
  TRY_ASSIGN(const bool here, cursor.seek(prefix));
  return here && cursor.key().starts_with(prefix);
}

// Levels below `folder`, itself included.
Result<std::size_t> height(Plan& plan, const Folder& folder) {
  std::vector<FolderId> level{folder.id};
  std::size_t levels = 0;
  while (!level.empty() && levels <= kFolderDepthMax) {
    ++levels;
    std::vector<FolderId> below;
    TRY_ASSIGN(Cursor cursor, Cursor::open(plan.txn(), plan.index().folder_names));
    for (const FolderId id : level) {
      const std::string prefix = folder_name_prefix(folder.mailbox, id);
      TRY_ASSIGN(bool here, cursor.seek(prefix));
      while (here && cursor.key().starts_with(prefix) && cursor.value().size() == 4) {
        below.emplace_back(load_le<std::uint32_t>(cursor.value().data()));
        TRY_ASSIGN(here, cursor.next());
      }
    }
    level = std::move(below);
  }
  return levels;
}

}  // namespace

Result<FolderId> emit_folder(Plan& plan, MailboxId mailbox, FolderId parent, std::string_view name,
                             SpecialUse use, bool subscribed) {
  const State& state = plan.applier().state();
  // Rises over the whole database: a folder that takes the name of a deleted one can never repeat
  // its UIDVALIDITY (RFC 9051 section 2.3.1.1).
  const auto now = static_cast<std::uint32_t>(plan.now_s());
  const std::uint32_t uid_validity = std::max(now, state.last_uid_validity + 1);
  const FolderId id(state.next_folder);
  TRY(plan.emit(
      CreateFolder{id, mailbox, parent, stored_name(parent, name), uid_validity, use, subscribed}));
  if (parent != FolderId()) TRY(emit_same_rights(plan, parent, id));
  return id;
}

namespace {

Result<FolderId> emit_missing(Plan& plan, MailboxId mailbox, FolderId at,
                              std::span<const std::string_view> levels, SpecialUse use) {
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const bool last = i + 1 == levels.size();
    TRY_ASSIGN(at,
               emit_folder(plan, mailbox, at, levels[i], last ? use : SpecialUse::kNone, false));
  }
  return at;
}

Result<> check_room(Plan& plan, MailboxId mailbox, std::size_t more) {
  TRY_ASSIGN(const std::size_t have, count_folders(plan, folder_name_prefix(mailbox)));
  // Every mailbox has its INBOX, so nothing at all means that there is no such mailbox.
  if (have == 0) return fail(ErrorCode::kNotFound, "no such mailbox");
  if (have + more > kFoldersMax)
    return fail(ErrorCode::kExhausted, "the mailbox has too many folders");
  return {};
}

}  // namespace

Result<const Folder*> wanted_folder(Plan& plan, FolderId folder) {
  TRY_ASSIGN(const Folder* const found, plan.applier().folder(folder));
  if (found == nullptr) return fail(ErrorCode::kNotFound, "no such folder");
  return found;
}

Result<MailboxId> plan_open_mailbox(Plan& plan, const Guid& guid, const std::string& label) {
  if (guid.is_nil()) return fail(ErrorCode::kInvalid, "a mailbox needs a GUID");
  TRY_ASSIGN(const auto raw, plan.txn().get(plan.index().mailboxes, guid.as_bytes()));
  if (raw) {
    TRY_ASSIGN(const Mailbox mailbox, decode_mailbox(guid, *raw));
    return mailbox.id;
  }
  if (label.size() > kLabelMax) return fail(ErrorCode::kInvalid, "the mailbox's label is too long");
  const MailboxId id(plan.applier().state().next_mailbox);
  TRY(plan.emit(CreateMailbox{id, guid, label, plan.now_s()}));
  for (const auto& [name, use] : kDefaultFolders)
    TRY(emit_folder(plan, id, FolderId(), name, use, true));
  return id;
}

Result<FolderId> plan_create_folder(Plan& plan, MailboxId mailbox, std::string_view path,
                                    SpecialUse use) {
  TRY(check_path(path));
  TRY_ASSIGN(const Walk existing, walk(plan, mailbox, path));
  if (existing.missing.empty()) return fail(ErrorCode::kExists, "the folder exists");
  TRY(check_room(plan, mailbox, existing.missing.size()));
  return emit_missing(plan, mailbox, existing.deepest, existing.missing, use);
}

Result<bool> plan_delete_folder(Plan& plan, FolderId id, const LimitsOf& limits) {
  TRY_ASSIGN(const Folder* const folder, wanted_folder(plan, id));
  if (folder->special_use == SpecialUse::kInbox)
    return fail(ErrorCode::kInvalid, "INBOX cannot be deleted");
  TRY_ASSIGN(const bool parent, has_children(plan, *folder));
  if (parent) return fail(ErrorCode::kInvalid, "the folder has children");
  if (folder->messages > (limits ? 0U : kDroppedAtOnceMax)) {
    TRY_ASSIGN(const bool empty, plan_empty_folder(plan, id, limits));
    if (!empty) return false;
  }
  TRY(plan.emit(DeleteFolder{id}));
  return true;
}

Result<> plan_rename_folder(Plan& plan, FolderId id, std::string_view new_path) {
  TRY(check_path(new_path));
  TRY_ASSIGN(const Folder* const folder, wanted_folder(plan, id));
  const MailboxId mailbox = folder->mailbox;
  TRY_ASSIGN(Walk existing, walk(plan, mailbox, new_path));
  if (existing.missing.empty()) return fail(ErrorCode::kExists, "the folder exists");
  TRY(check_room(plan, mailbox, existing.missing.size()));
  if (folder->special_use == SpecialUse::kInbox) {
    TRY_ASSIGN(const FolderId to,
               emit_missing(plan, mailbox, existing.deepest, existing.missing, SpecialUse::kNone));
    return move_all(plan, id, to);
  }
  if (std::ranges::find(existing.ancestors, id) != existing.ancestors.end())
    return fail(ErrorCode::kInvalid, "a folder cannot move below itself");
  TRY_ASSIGN(const std::size_t levels, height(plan, *folder));
  if (existing.ancestors.size() + existing.missing.size() + levels - 1 > kFolderDepthMax)
    return fail(ErrorCode::kInvalid, "the folder's children would lie too deep");
  const std::string name(existing.missing.back());
  existing.missing.pop_back();
  TRY_ASSIGN(const FolderId parent,
             emit_missing(plan, mailbox, existing.deepest, existing.missing, SpecialUse::kNone));
  return plan.emit(RenameFolder{id, parent, stored_name(parent, name)});
}

Result<> plan_set_subscribed(Plan& plan, FolderId id, bool subscribed) {
  TRY_ASSIGN(const Folder* const folder, wanted_folder(plan, id));
  if (folder->subscribed == subscribed) return {};
  return plan.emit(SetSubscribed{id, subscribed});
}

Result<> plan_renew_uid_validity(Plan& plan) {
  std::vector<FolderId> folders;
  {
    TRY_ASSIGN(Cursor cursor, Cursor::open(plan.txn(), plan.index().folders));
    TRY_ASSIGN(bool here, cursor.first());
    while (here) {
      if (cursor.key().size() != sizeof(std::uint32_t))
        return fail(ErrorCode::kCorrupt, "index: bad key in table folders");
      folders.emplace_back(load_be<std::uint32_t>(cursor.key().data()));
      TRY_ASSIGN(here, cursor.next());
    }
  }
  const auto now = static_cast<std::uint32_t>(plan.now_s());
  std::uint32_t next = std::max(now, plan.applier().state().last_uid_validity + 1);
  for (const FolderId folder : folders) TRY(plan.emit(RenewUidValidity{folder, next++}));
  return {};
}

}  // namespace hauspost::store
