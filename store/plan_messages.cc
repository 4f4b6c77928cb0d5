// Plans of changes to messages.
#include "base/bytes.h"
#include "base/text.h"
#include "store/chunk.h"
#include "store/metadata.h"
#include "store/plan.h"
#include "store/seen.h"

namespace hauspost::store {

namespace {

Result<> check_keyword(std::string_view keyword) {
  if (keyword.empty() || keyword.size() > kKeywordBytesMax)
    return fail(ErrorCode::kInvalid, "a keyword is empty or too long");
  for (const char c : keyword) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f)
      return fail(ErrorCode::kInvalid, "a keyword has a space or control character");
  }
  return {};
}

std::optional<std::size_t> find_keyword(std::span<const std::string> keywords,
                                        std::string_view keyword) {
  for (std::size_t i = 0; i < keywords.size(); ++i) {
    if (iequals(keywords[i], keyword)) return i;
  }
  return std::nullopt;
}

FlagBits keyword_bit(std::size_t i) {
  return FlagBits{1} << (static_cast<std::size_t>(kFirstKeywordBit) + i);
}

// A folder's keywords as they will be: names not there yet are collected, then emitted.
class KeywordTable {
 public:
  explicit KeywordTable(const Folder& folder)
      : folder_(folder.id), keywords_(folder.keywords), stored_(folder.keywords.size()) {}

  // nullopt: the table is full.
  std::optional<FlagBits> bit(const std::string& keyword) {
    auto at = find_keyword(keywords_, keyword);
    if (!at) {
      if (keywords_.size() >= kKeywordsMax) return std::nullopt;
      keywords_.push_back(keyword);
      at = keywords_.size() - 1;
    }
    return keyword_bit(*at);
  }
  Result<FlagBits> bits(const std::vector<std::string>& keywords) {
    FlagBits all = 0;
    for (const std::string& keyword : keywords) {
      TRY(check_keyword(keyword));
      const auto found = bit(keyword);
      if (!found) return fail(ErrorCode::kExhausted, "the folder has too many keywords");
      all |= *found;
    }
    return all;
  }
  Result<> emit_new(Plan& plan) {
    for (; stored_ < keywords_.size(); ++stored_)
      TRY(plan.emit(AddKeyword{folder_, keywords_[stored_]}));
    return {};
  }

 private:
  FolderId folder_;
  std::vector<std::string> keywords_;
  std::size_t stored_;
};

Result<> check_flags(FlagBits flags) {
  if ((flags & ~kSystemFlags) != 0)
    return fail(ErrorCode::kInvalid, "only system flags can be given as bits");
  return {};
}

Result<> check_message(const NewMessage& message) {
  TRY(check_flags(message.flags));
  if (message.body->size() > UINT32_MAX) return fail(ErrorCode::kInvalid, "the message is too big");
  if (message.annotation.size() > kAnnotationMax)
    return fail(ErrorCode::kInvalid, "the annotation is too long");
  return {};
}

// Annotations of a folder, for the folders (most) that have none at the price of one look.
class Annotations {
 public:
  static Result<Annotations> of(Plan& plan, FolderId folder) {
    TRY_ASSIGN(Cursor cursor, Cursor::open(plan.txn(), plan.index().annotations));
    const std::string prefix = folder_key(folder);
    TRY_ASSIGN(const bool here, cursor.seek(prefix));
    return Annotations(folder, here && cursor.key().starts_with(prefix));
  }
  Result<std::string> get(Plan& plan, Uid uid) const {
    if (!any_) return std::string();
    TRY_ASSIGN(const auto raw,
               plan.txn().get(plan.index().annotations, message_key(folder_, uid.value)));
    return std::string(raw.value_or(std::string_view()));
  }

 private:
  Annotations(FolderId folder, bool any) : folder_(folder), any_(any) {}
  FolderId folder_;
  bool any_;
};

// Flags of a message as the other folder spells them. A keyword that does not fit there is left
// out: a full table must not keep a message from being moved.
FlagBits translate(const Folder& from, KeywordTable& to, FlagBits flags) {
  FlagBits out = flags & kSystemFlags;
  for (std::size_t i = 0; i < from.keywords.size(); ++i) {
    if ((flags & keyword_bit(i)) != 0) out |= to.bit(from.keywords[i]).value_or(0);
  }
  return out;
}

struct Source {
  Message message;
  std::string annotation;
  std::vector<Guid> seen_by;  // of those who do not own it
};
Result<std::vector<Source>> gather(Plan& plan, FolderId folder, const UidSet& uids) {
  TRY_ASSIGN(const Annotations annotations, Annotations::of(plan, folder));
  TRY_ASSIGN(const SeenRows seen, SeenRows::of(plan.txn(), plan.index(), folder));
  std::vector<Source> sources;
  TRY(visit_messages(plan, folder, uids, [&](const Message& message) -> Result<> {
    TRY_ASSIGN(std::string annotation, annotations.get(plan, message.uid));
    TRY_ASSIGN(std::vector<Guid> seen_by, seen.seen_by(message.uid));
    sources.push_back({message, std::move(annotation), std::move(seen_by)});
    return {};
  }));
  return sources;
}

// Whose \Seen the copies carry besides their flags.
class SeenCopies {
 public:
  static Result<SeenCopies> of(Plan& plan, const Folder& from, const Folder& to, FlagBits keep) {
    SeenCopies copies;
    copies.same_mailbox_ = from.mailbox == to.mailbox;
    copies.keep_ = (keep & kSeen) != 0;
    TRY_ASSIGN(copies.viewer_from_, viewer_in(plan, from.mailbox));
    TRY_ASSIGN(copies.viewer_to_, viewer_in(plan, to.mailbox));
    return copies;
  }

  // The owner's \Seen of the copy with this UID; the others' are noted.
  bool add(const Source& source, Uid uid) {
    const bool owner_has = (source.message.flags & kSeen) != 0;
    if (same_mailbox_) {
      for (const Guid& identity : source.seen_by) {
        if (keep_ || identity != viewer_to_) seen_[identity].add(uid.value);
      }
      return owner_has && (keep_ || !viewer_to_.is_nil());
    }
    const bool has = viewer_from_.is_nil() ? owner_has
                                           : std::ranges::find(source.seen_by, viewer_from_) !=
                                                 source.seen_by.end();
    const bool seen = keep_ && has;
    if (viewer_to_.is_nil()) return seen;
    if (seen) seen_[viewer_to_].add(uid.value);
    return false;
  }

  Result<> emit(Plan& plan, FolderId to) const {
    for (const auto& [identity, uids] : seen_) TRY(plan.emit(SetSeen{to, identity, true, uids}));
    return {};
  }

 private:
  bool same_mailbox_ = false;
  bool keep_ = false;
  Guid viewer_from_;
  Guid viewer_to_;
  std::map<Guid, UidSet> seen_;
};

Result<Copied> emit_copies(Plan& plan, const std::vector<Source>& sources, const Folder& from,
                           const Folder& to, FlagBits keep) {
  TRY_ASSIGN(SeenCopies seen, SeenCopies::of(plan, from, to, keep));
  Copied copied;
  copied.uid_validity = to.uid_validity;
  KeywordTable keywords(to);
  Uid uid = to.uid_next;
  for (const Source& source : sources) {
    const Message& message = source.message;
    FlagBits flags = translate(from, keywords, message.flags & keep & ~kSeen);
    if (seen.add(source, uid)) flags |= kSeen;
    TRY(keywords.emit_new(plan));
    TRY(plan.emit(AddMessage{to.id, uid, message.size, flags, message.internal_date_s, message.body,
                             plan.now_s(), source.annotation}));
    copied.from.push_back(message.uid);
    copied.to.push_back(uid);
    uid = uid.next();
  }
  TRY(seen.emit(plan, to.id));
  return copied;
}

UidSet uids_of(const std::vector<Source>& sources) {
  UidSet uids;
  for (const Source& source : sources) uids.add(source.message.uid.value);
  return uids;
}

}  // namespace

Result<> check_uids_left(const Folder& folder, std::uint64_t wanted) {
  // The last UID stays free so that uid_next always has a value.
  if (std::uint64_t{folder.uid_next.value} + wanted > UINT32_MAX)
    return fail(ErrorCode::kExhausted, "the folder has no UIDs left");
  return {};
}

Result<> visit_messages(Plan& plan, FolderId folder, const UidSet& uids,
                        const std::function<Result<>(const Message&)>& visit) {
  for (const UidRange range : uids.ranges()) {
    std::uint64_t from = range.first;
    while (from <= range.last) {
      TRY_ASSIGN(const auto found,
                 find_chunk(plan.txn(), plan.index(), folder, static_cast<std::uint32_t>(from)));
      if (!found) return {};
      const ChunkView view = found->chunk.view();
      for (std::size_t i = view.lower_bound(static_cast<std::uint32_t>(from)); i < view.size();
           ++i) {
        if (view.uid(i) > range.last) break;
        TRY(visit(view.message(i)));
      }
      from = std::uint64_t{view.uid(view.size() - 1)} + 1;
    }
  }
  return {};
}

Result<Appended> plan_append(Plan& plan, FolderId id, const std::vector<NewMessage>& messages,
                             const LimitsOf& limits, const MetadataChange* note) {
  TRY_ASSIGN(const Folder* const folder, wanted_folder(plan, id));
  TRY(check_uids_left(*folder, messages.size()));
  std::vector<SetMetadata> noted;
  if (note != nullptr) {
    TRY_ASSIGN(noted, decide_metadata(plan, folder->mailbox, FolderId(), {*note}));
  }
  KeywordTable keywords(*folder);
  std::vector<FlagBits> flags;
  std::uint64_t bytes = 0;
  for (const NewMessage& message : messages) {
    TRY(check_message(message));
    bytes += message.body->size();
    TRY_ASSIGN(const FlagBits bits, keywords.bits(message.keywords));
    flags.push_back(message.flags | bits);
  }
  Appended appended;
  appended.uid_validity = folder->uid_validity;
  if (messages.empty()) {
    for (const SetMetadata& entry : noted) TRY(plan.emit(entry));
    return appended;
  }
  TRY(check_quota(plan, folder->mailbox, bytes, limits));
  Uid uid = folder->uid_next;
  TRY_ASSIGN(const Guid viewer, viewer_in(plan, folder->mailbox));
  UidSet seen;  // by a viewer
  TRY(keywords.emit_new(plan));
  TRY_ASSIGN(BodyId body, plan.emit_bodies());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const NewMessage& message = messages[i];
    if (!viewer.is_nil() && (flags[i] & kSeen) != 0) {
      flags[i] &= ~kSeen;
      seen.add(uid.value);
    }
    TRY(plan.emit(AddMessage{id, uid, static_cast<std::uint32_t>(message.body->size()), flags[i],
                             message.internal_date_s, body, plan.now_s(), message.annotation}));
    appended.uids.push_back(uid);
    uid = uid.next();
    body = body.next();
  }
  if (!seen.empty()) TRY(plan.emit(SetSeen{id, viewer, true, std::move(seen)}));
  for (const SetMetadata& entry : noted) TRY(plan.emit(entry));
  return appended;
}

namespace {

Result<> check_delivery(Plan& plan, const Delivery& delivery) {
  if (delivery.id.is_nil()) return fail(ErrorCode::kInvalid, "a delivery needs an id");
  if (delivery.body->size() > UINT32_MAX)
    return fail(ErrorCode::kInvalid, "the message is too big");
  for (const DeliveryTarget& target : delivery.targets) {
    TRY(check_flags(target.flags));
    if (target.mailbox.is_nil()) return fail(ErrorCode::kInvalid, "a mailbox needs a GUID");
    if (target.label.size() > kLabelMax)
      return fail(ErrorCode::kInvalid, "the mailbox's label is too long");
    TRY_ASSIGN(const auto raw, plan.txn().get(plan.index().mailboxes, target.mailbox.as_bytes()));
    if (!raw) continue;
    TRY_ASSIGN(const Mailbox mailbox, decode_mailbox(target.mailbox, *raw));
    for (const std::string_view path :
         {std::string_view(target.folder), std::string_view("INBOX")}) {
      TRY_ASSIGN(const auto id, find_path(plan.txn(), plan.index(), mailbox.id, path));
      if (!id) continue;
      TRY_ASSIGN(const Folder* const folder, wanted_folder(plan, *id));
      TRY(check_uids_left(*folder, delivery.targets.size()));
      break;
    }
  }
  return {};
}

Result<FolderId> delivery_folder(Plan& plan, MailboxId mailbox, const std::string& path) {
  TRY_ASSIGN(auto folder, find_path(plan.txn(), plan.index(), mailbox, path));
  if (!folder || path == kRecoverableName) {
    TRY_ASSIGN(folder, find_path(plan.txn(), plan.index(), mailbox, "INBOX"));
  }
  if (!folder) return fail(ErrorCode::kCorrupt, "index: a mailbox without INBOX");
  return *folder;
}

// False: it went there before, at most kDeliveriesKept_s ago.
Result<bool> is_new_delivery(Plan& plan, const Guid& delivery, MailboxId mailbox) {
  TRY_ASSIGN(const auto raw,
             plan.txn().get(plan.index().deliveries, delivery_key(delivery, mailbox)));
  return !raw || raw->size() != sizeof(std::int64_t) ||
         load_le<std::int64_t>(raw->data()) < plan.now_s() - kDeliveriesKept_s;
}

// Whether the mailbox has room. Mail from the server itself always has.
Result<bool> has_room(Plan& plan, MailboxId mailbox, const Delivery& delivery,
                      const LimitsOf& limits) {
  if (delivery.beyond_quota) return true;
  const auto room = check_quota(plan, mailbox, delivery.body->size(), limits);
  if (room) return true;
  if (room.error().code == ErrorCode::kOverQuota) return false;
  return fail(room.error());
}

}  // namespace

Result<std::vector<Delivered>> plan_deliver(Plan& plan, const Delivery& delivery,
                                            const LimitsOf& limits) {
  TRY(check_delivery(plan, delivery));
  std::vector<Delivered> outcome;
  std::optional<BodyId> body;
  for (const DeliveryTarget& target : delivery.targets) {
    TRY_ASSIGN(const MailboxId mailbox, plan_open_mailbox(plan, target.mailbox, target.label));
    TRY_ASSIGN(const FolderId id, delivery_folder(plan, mailbox, target.folder));
    TRY_ASSIGN(const bool is_new, is_new_delivery(plan, delivery.id, mailbox));
    if (!is_new) {
      outcome.push_back({.folder = id, .duplicate = true});
      continue;
    }
    TRY_ASSIGN(const bool room, has_room(plan, mailbox, delivery, limits));
    if (!room) {
      outcome.push_back({.folder = id, .over_quota = true, .nearly_full = true});
      continue;
    }
    if (!body) {
      TRY_ASSIGN(body, plan.emit_bodies());
    }
    TRY_ASSIGN(const Folder* const folder, wanted_folder(plan, id));
    const Uid uid = folder->uid_next;
    TRY(plan.emit(AddMessage{id,
                             uid,
                             static_cast<std::uint32_t>(delivery.body->size()),
                             target.flags,
                             delivery.internal_date_s,
                             *body,
                             plan.now_s(),
                             {}}));
    TRY(plan.emit(NoteDelivery{delivery.id, mailbox, plan.now_s()}));
    TRY_ASSIGN(const bool nearly_full, is_nearly_full(plan, mailbox, limits));
    outcome.push_back({.folder = id, .uid = uid, .nearly_full = nearly_full});
  }
  return outcome;
}

Result<Copied> plan_copy(Plan& plan, FolderId from_id, const UidSet& uids, FolderId to_id,
                         const CopyMode& mode, const LimitsOf& limits) {
  TRY_ASSIGN(const Folder* const from, wanted_folder(plan, from_id));
  TRY_ASSIGN(const Folder* const to, wanted_folder(plan, to_id));
  TRY_ASSIGN(const auto sources, gather(plan, from_id, uids));
  TRY(check_uids_left(*to, sources.size()));
  if (!mode.move || from->mailbox != to->mailbox) {
    std::uint64_t bytes = 0;
    for (const Source& source : sources) bytes += source.message.size;
    TRY(check_quota(plan, to->mailbox, bytes, limits));
  }
  // Copies of the rows: emitting changes them.
  TRY_ASSIGN(Copied copied, emit_copies(plan, sources, Folder(*from), Folder(*to), mode.keep));
  if (mode.move && !sources.empty()) TRY(plan.emit(Expunge{from_id, uids_of(sources)}));
  return copied;
}

Result<> move_all(Plan& plan, FolderId from, FolderId to) {
  UidSet everything;
  everything.add({1, UINT32_MAX});
  TRY(plan_copy(plan, from, everything, to, {.move = true}, {}));
  return {};
}

Result<FlagsChanged> plan_change_flags(Plan& plan, FolderId id, const FlagChange& change) {
  TRY_ASSIGN(const Folder* const folder, wanted_folder(plan, id));
  TRY(check_flags(change.flags));
  KeywordTable keywords(*folder);
  SetFlags op;
  op.folder = id;
  if (change.mode == FlagMode::kRemove) {
    op.clear = change.flags;
    for (const std::string& keyword : change.keywords) {
      const auto at = find_keyword(folder->keywords, keyword);
      if (at) op.clear |= keyword_bit(*at);
    }
  } else {
    TRY_ASSIGN(const FlagBits bits, keywords.bits(change.keywords));
    op.set = change.flags | bits;
    if (change.mode == FlagMode::kReplace) op.clear = ~FlagBits{0};
  }
  op.clear &= change.may_change;
  op.set &= change.may_change;
  TRY_ASSIGN(const Guid viewer, viewer_in(plan, folder->mailbox));
  const FlagBits own = viewer.is_nil() ? 0 : kSeen;  // of the viewer alone
  TRY_ASSIGN(const SeenRows rows, SeenRows::of(plan.txn(), plan.index(), id));
  FlagsChanged outcome;
  UidSet seen;
  UidSet unseen;
  TRY(visit_messages(plan, id, change.uids, [&](const Message& message) -> Result<> {
    const std::uint32_t uid = message.uid.value;
    FlagBits before = message.flags;
    if (own != 0) {
      TRY_ASSIGN(const bool has, rows.has(viewer, message.uid));
      before = (before & ~own) | (has ? own : 0);
    }
    const FlagBits differ = before ^ ((before & ~op.clear) | op.set);
    if (change.unchanged_since && message.modseq > *change.unchanged_since) {
      outcome.modified.add(uid);
    } else if (differ != 0) {
      outcome.changed.add(uid);
      if ((differ & ~own) != 0) op.uids.add(uid);
      if ((differ & own) != 0) ((before & own) != 0 ? unseen : seen).add(uid);
    }
    return {};
  }));
  if (outcome.changed.empty()) return outcome;
  if ((op.set & ~kSystemFlags) != 0) TRY(keywords.emit_new(plan));
  op.clear &= ~own;
  op.set &= ~own;
  if (!op.uids.empty()) TRY(plan.emit(op));
  if (!seen.empty()) TRY(plan.emit(SetSeen{id, viewer, true, std::move(seen)}));
  if (!unseen.empty()) TRY(plan.emit(SetSeen{id, viewer, false, std::move(unseen)}));
  return outcome;
}

Result<UidSet> plan_expunge(Plan& plan, FolderId id, const UidSet& uids, bool only_deleted,
                            const LimitsOf& limits) {
  TRY(wanted_folder(plan, id));
  UidSet gone;
  TRY(visit_messages(plan, id, uids, [&](const Message& message) -> Result<> {
    if (!only_deleted || (message.flags & kDeleted) != 0) gone.add(message.uid.value);
    return {};
  }));
  if (!gone.empty()) TRY(emit_removal(plan, id, gone, limits));
  return gone;
}

Result<> plan_annotate(Plan& plan, FolderId id, Uid uid, const std::string& annotation) {
  TRY(wanted_folder(plan, id));
  if (annotation.size() > kAnnotationMax)
    return fail(ErrorCode::kInvalid, "the annotation is too long");
  bool exists = false;
  TRY(visit_messages(plan, id, {{uid.value, uid.value}}, [&](const Message&) -> Result<> {
    exists = true;
    return {};
  }));
  if (!exists) return fail(ErrorCode::kNotFound, "no such message");
  return plan.emit(Annotate{id, uid, annotation});
}

}  // namespace hauspost::store
