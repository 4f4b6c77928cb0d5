// Plans of what limits ask for: quotas, the folder of deleted messages, mailboxes that go.
#include "base/bytes.h"
#include "store/chunk.h"
#include "store/plan.h"

namespace hauspost::store {

namespace {

constexpr FlagBits kFlagsInEntry = UINT32_MAX;  // the rest of an entry's flags is its origin

Result<Mailbox> wanted_mailbox(Plan& plan, const Guid& guid) {
  TRY_ASSIGN(const auto raw, plan.txn().get(plan.index().mailboxes, guid.as_bytes()));
  if (!raw) return fail(ErrorCode::kNotFound, "no such mailbox");
  return decode_mailbox(guid, *raw);
}

// The folder of deleted messages, made when the mailbox has none.
Result<FolderId> recoverable_folder(Plan& plan, MailboxId mailbox) {
  TRY_ASSIGN(const auto found,
             find_child(plan.txn(), plan.index(), mailbox, FolderId(), kRecoverableName));
  if (found) return *found;
  return emit_folder(plan, mailbox, FolderId(), kRecoverableName, SpecialUse::kRecoverable, false);
}

// Calls `visit` from the folder's first message on until it returns false.
Result<> visit_until(Plan& plan, FolderId folder,
                     const std::function<bool(const Message&)>& visit) {
  std::uint32_t from = 0;
  while (true) {
    TRY_ASSIGN(const auto found, find_chunk(plan.txn(), plan.index(), folder, from));
    if (!found) return {};
    const ChunkView view = found->chunk.view();
    for (std::size_t i = view.lower_bound(from); i < view.size(); ++i) {
      if (!visit(view.message(i))) return {};
    }
    from = view.uid(view.size() - 1);
    if (from == UINT32_MAX) return {};
    ++from;
  }
}

// The oldest of `folder` whose time has come or that are above the quota.
Result<UidSet> find_expired(Plan& plan, FolderId folder, std::uint64_t bytes,
                            const MailboxLimits& limits) {
  const std::int64_t since_s = plan.now_s() - limits.keep_deleted_s;
  UidSet expired;
  std::size_t count = 0;
  TRY(visit_until(plan, folder, [&](const Message& message) {
    if (message.save_date_s > since_s && bytes <= limits.recoverable_bytes) return false;
    expired.add(message.uid.value);
    bytes -= std::min<std::uint64_t>(bytes, message.size);
    return ++count < kStepMax;
  }));
  return expired;
}

Result<std::uint64_t> trim(Plan& plan, FolderId folder, const UsageRow& usage,
                           const MailboxLimits& limits) {
  TRY_ASSIGN(const UidSet expired, find_expired(plan, folder, usage.recoverable_bytes, limits));
  if (expired.empty()) return 0;
  TRY(plan.emit(Expunge{folder, expired}));
  return expired.count();
}

// What a message in the folder of deleted messages was.
struct Origin {
  Message message;  // its flags those of the folder it came from
  std::string annotation;
};
Result<Origin> origin(Plan& plan, FolderId folder, const Message& message) {
  Origin origin{message, {}};
  origin.message.flags &= kFlagsInEntry;
  TRY_ASSIGN(const auto raw,
             plan.txn().get(plan.index().annotations, message_key(folder, message.uid.value)));
  if (raw && raw->size() >= sizeof(FlagBits)) {
    origin.message.flags = load_le<FlagBits>(raw->data());
    origin.annotation = raw->substr(sizeof(FlagBits));
  }
  return origin;
}

// Where it goes back to, and with which of its flags: keywords mean nothing in another folder.
struct Home {
  FolderId folder;
  FlagBits flags_kept = 0;
};
Result<Home> find_home(Plan& plan, MailboxId mailbox, FolderId wanted) {
  TRY_ASSIGN(const Folder* const folder, plan.applier().folder(wanted));
  if (folder != nullptr && folder->mailbox == mailbox &&
      folder->special_use != SpecialUse::kRecoverable) {
    const std::size_t bits = static_cast<std::size_t>(kFirstKeywordBit) + folder->keywords.size();
    return Home{wanted, (FlagBits{1} << bits) - 1};
  }
  TRY_ASSIGN(const auto inbox, find_path(plan.txn(), plan.index(), mailbox, "INBOX"));
  if (!inbox) return fail(ErrorCode::kCorrupt, "index: a mailbox without INBOX");
  return Home{*inbox, kSystemFlags};
}

Result<> emit_restored(Plan& plan, FolderId hidden, const Message& message, const Home& home,
                       Uid uid) {
  TRY_ASSIGN(Origin was, origin(plan, hidden, message));
  // It was deleted with \Deleted set: left so, the next EXPUNGE would take it again.
  const FlagBits flags = was.message.flags & home.flags_kept & ~kDeleted;
  return plan.emit(AddMessage{home.folder, uid, message.size, flags, message.internal_date_s,
                              message.body, plan.now_s(), std::move(was.annotation)});
}

}  // namespace

Result<> check_quota(Plan& plan, MailboxId mailbox, std::uint64_t bytes, const LimitsOf& limits) {
  if (!limits) return {};
  TRY_ASSIGN(const UsageRow* const usage, plan.applier().usage(mailbox));
  const std::uint64_t most = limits(usage->mailbox).prohibit_receive_bytes;
  if (usage->bytes <= most && bytes <= most - usage->bytes) return {};
  return fail(ErrorCode::kOverQuota, "the mailbox is full");
}

Result<bool> is_nearly_full(Plan& plan, MailboxId mailbox, const LimitsOf& limits) {
  if (!limits) return false;
  TRY_ASSIGN(const UsageRow* const usage, plan.applier().usage(mailbox));
  const std::uint64_t most = limits(usage->mailbox).prohibit_receive_bytes;
  return most != kUnlimited && usage->bytes >= most - most / 10;
}

Result<> emit_removal(Plan& plan, FolderId id, const UidSet& uids, const LimitsOf& limits) {
  TRY_ASSIGN(const Folder* const folder, wanted_folder(plan, id));
  const MailboxId mailbox = folder->mailbox;
  if (!limits || folder->special_use == SpecialUse::kRecoverable)
    return plan.emit(Expunge{id, uids});
  TRY_ASSIGN(const UsageRow* const usage, plan.applier().usage(mailbox));
  const MailboxLimits wanted = limits(usage->mailbox);
  if (wanted.keep_deleted_s <= 0) return plan.emit(Expunge{id, uids});
  TRY_ASSIGN(const FolderId into, recoverable_folder(plan, mailbox));
  TRY_ASSIGN(const Folder* const hidden, wanted_folder(plan, into));
  // Four billion deletions later: gone at once is better than never.
  if (std::uint64_t{hidden->uid_next.value} + uids.count() > UINT32_MAX)
    return plan.emit(Expunge{id, uids});
  TRY(plan.emit(Retire{id, into, hidden->uid_next, plan.now_s(), uids}));
  if (usage->recoverable_bytes <= wanted.recoverable_bytes) return {};
  TRY(trim(plan, into, *usage, wanted));
  return {};
}

Result<std::uint64_t> plan_trim(Plan& plan, const Guid& guid, const LimitsOf& limits) {
  TRY_ASSIGN(const Mailbox mailbox, wanted_mailbox(plan, guid));
  TRY_ASSIGN(const auto folder,
             find_child(plan.txn(), plan.index(), mailbox.id, FolderId(), kRecoverableName));
  if (!folder || !limits) return 0;
  TRY_ASSIGN(const UsageRow* const usage, plan.applier().usage(mailbox.id));
  return trim(plan, *folder, *usage, limits(guid));
}

Result<Restored> plan_restore(Plan& plan, const Guid& guid, const UidSet& uids,
                              const LimitsOf& limits) {
  TRY_ASSIGN(const Mailbox mailbox, wanted_mailbox(plan, guid));
  TRY_ASSIGN(const auto hidden,
             find_child(plan.txn(), plan.index(), mailbox.id, FolderId(), kRecoverableName));
  Restored restored;
  if (!hidden) return restored;
  std::vector<Message> messages;
  TRY(visit_messages(plan, *hidden, uids, [&](const Message& message) -> Result<> {
    messages.push_back(message);
    restored.bytes += message.size;
    return {};
  }));
  if (messages.empty()) return restored;
  TRY(check_quota(plan, mailbox.id, restored.bytes, limits));
  std::map<FolderId, Home> homes;
  std::map<FolderId, std::uint64_t> wanted;  // by home
  UidSet gone;
  for (const Message& message : messages) {
    const FolderId from = origin_of(message);
    if (!homes.contains(from)) {
      TRY_ASSIGN(homes[from], find_home(plan, mailbox.id, from));
    }
    ++wanted[homes[from].folder];
    gone.add(message.uid.value);
  }
  for (const auto& [id, count] : wanted) {
    TRY_ASSIGN(const Folder* const folder, wanted_folder(plan, id));
    TRY(check_uids_left(*folder, count));
  }
  for (const Message& message : messages) {
    const Home& home = homes[origin_of(message)];
    TRY_ASSIGN(const Folder* const folder, wanted_folder(plan, home.folder));
    TRY(emit_restored(plan, *hidden, message, home, folder->uid_next));
  }
  TRY(plan.emit(Expunge{*hidden, gone}));
  restored.messages = messages.size();
  return restored;
}

Result<> plan_set_disconnected(Plan& plan, const Guid& guid, std::int64_t time_s) {
  TRY_ASSIGN(const Mailbox mailbox, wanted_mailbox(plan, guid));
  if (mailbox.disconnected_s == time_s) return {};
  return plan.emit(SetMailboxState{mailbox.id, guid, time_s});
}

Result<bool> plan_empty_folder(Plan& plan, FolderId id, const LimitsOf& limits) {
  TRY(wanted_folder(plan, id));
  UidSet uids;
  std::size_t count = 0;
  TRY(visit_until(plan, id, [&](const Message& message) {
    uids.add(message.uid.value);
    return ++count < kStepMax;
  }));
  if (uids.empty()) return true;
  TRY(emit_removal(plan, id, uids, limits));
  return count < kStepMax;
}

Result<bool> plan_delete_mailbox(Plan& plan, const Guid& guid) {
  TRY_ASSIGN(const Mailbox mailbox, wanted_mailbox(plan, guid));
  const std::string prefix = folder_name_prefix(mailbox.id);
  std::vector<FolderId> folders;
  {
    TRY_ASSIGN(Cursor cursor, Cursor::open(plan.txn(), plan.index().folder_names));
    TRY_ASSIGN(bool here, cursor.seek(prefix));
    while (here && cursor.key().starts_with(prefix)) {
      if (cursor.value().size() != sizeof(std::uint32_t))
        return fail(ErrorCode::kCorrupt, "index: bad row in table folder_names");
      folders.emplace_back(load_le<std::uint32_t>(cursor.value().data()));
      TRY_ASSIGN(here, cursor.next());
    }
  }
  for (const FolderId id : folders) {
    TRY_ASSIGN(const Folder* const folder, wanted_folder(plan, id));
    if (folder->messages == 0) continue;
    TRY_ASSIGN(const bool empty, plan_empty_folder(plan, id, {}));
    if (!empty) return false;
  }
  TRY(plan.emit(DeleteMailbox{mailbox.id, guid}));
  return true;
}

}  // namespace hauspost::store
