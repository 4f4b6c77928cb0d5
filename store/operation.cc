#include "store/operation.h"

#include "base/bytes.h"
#include "base/text.h"

namespace hauspost::store {

namespace {

enum class Kind : std::uint8_t {
  kCreateMailbox = 1,
  kDeleteMailbox = 2,
  kCreateFolder = 3,
  kDeleteFolder = 4,
  kRenameFolder = 5,
  kSetSubscribed = 6,
  kAddKeyword = 7,
  kAddBodies = 8,
  kAddMessage = 9,
  kSetFlags = 10,
  kExpunge = 11,
  kAnnotate = 12,
  kNoteDelivery = 13,
  kForgetDeliveries = 14,
  kRelocateBodies = 15,
  kDropSegment = 16,
  kRetire = 17,
  kSetMailboxState = 18,
  kRenewUidValidity = 19,
  kSetRights = 20,
  kSetSeen = 21,
  kSetMetadata = 25,
};

class Encoder {
 public:
  explicit Encoder(std::string& out) : out_(out) {}

  void operator()(const CreateMailbox& op) const {
    kind(Kind::kCreateMailbox);
    put_le(out_, op.id.value);
    out_ += op.guid.as_bytes();
    put_string(out_, op.label);
    put_le(out_, op.created_s);
  }
  void operator()(const DeleteMailbox& op) const {
    kind(Kind::kDeleteMailbox);
    put_le(out_, op.id.value);
    out_ += op.guid.as_bytes();
  }
  void operator()(const CreateFolder& op) const {
    kind(Kind::kCreateFolder);
    put_le(out_, op.id.value);
    put_le(out_, op.mailbox.value);
    put_le(out_, op.parent.value);
    put_string(out_, op.name);
    put_le(out_, op.uid_validity);
    put_le(out_, static_cast<std::uint8_t>(op.special_use));
    put_le(out_, static_cast<std::uint8_t>(op.subscribed));
  }
  void operator()(const DeleteFolder& op) const {
    kind(Kind::kDeleteFolder);
    put_le(out_, op.id.value);
  }
  void operator()(const RenameFolder& op) const {
    kind(Kind::kRenameFolder);
    put_le(out_, op.id.value);
    put_le(out_, op.parent.value);
    put_string(out_, op.name);
  }
  void operator()(const SetSubscribed& op) const {
    kind(Kind::kSetSubscribed);
    put_le(out_, op.id.value);
    put_le(out_, static_cast<std::uint8_t>(op.subscribed));
  }
  void operator()(const AddKeyword& op) const {
    kind(Kind::kAddKeyword);
    put_le(out_, op.folder.value);
    put_string(out_, op.keyword);
  }
  void operator()(const AddBodies& op) const {
    kind(Kind::kAddBodies);
    put_le(out_, op.first.value);
  }
  void operator()(const AddMessage& op) const {
    kind(Kind::kAddMessage);
    put_le(out_, op.folder.value);
    put_le(out_, op.uid.value);
    put_le(out_, op.size);
    put_le(out_, op.flags);
    put_le(out_, op.internal_date_s);
    put_le(out_, op.body.value);
    put_le(out_, op.save_date_s);
    put_string(out_, op.annotation);
  }
  void operator()(const SetFlags& op) const {
    kind(Kind::kSetFlags);
    put_le(out_, op.folder.value);
    put_le(out_, op.clear);
    put_le(out_, op.set);
    uids(op.uids);
  }
  void operator()(const Expunge& op) const {
    kind(Kind::kExpunge);
    put_le(out_, op.folder.value);
    uids(op.uids);
  }
  void operator()(const Annotate& op) const {
    kind(Kind::kAnnotate);
    put_le(out_, op.folder.value);
    put_le(out_, op.uid.value);
    put_string(out_, op.annotation);
  }
  void operator()(const NoteDelivery& op) const {
    kind(Kind::kNoteDelivery);
    out_ += op.delivery.as_bytes();
    put_le(out_, op.mailbox.value);
    put_le(out_, op.time_s);
  }
  void operator()(const ForgetDeliveries& op) const {
    kind(Kind::kForgetDeliveries);
    put_le(out_, op.before_s);
  }
  void operator()(const RelocateBodies& op) const {
    kind(Kind::kRelocateBodies);
    put_le(out_, static_cast<std::uint32_t>(op.bodies.size()));
    for (const BodyId body : op.bodies) put_le(out_, body.value);
  }
  void operator()(const DropSegment& op) const {
    kind(Kind::kDropSegment);
    put_le(out_, op.first.value);
  }
  void operator()(const RenewUidValidity& op) const {
    kind(Kind::kRenewUidValidity);
    put_le(out_, op.folder.value);
    put_le(out_, op.uid_validity);
  }
  void operator()(const Retire& op) const {
    kind(Kind::kRetire);
    put_le(out_, op.from.value);
    put_le(out_, op.into.value);
    put_le(out_, op.first_uid.value);
    put_le(out_, op.time_s);
    uids(op.uids);
  }
  void operator()(const SetMetadata& op) const {
    kind(Kind::kSetMetadata);
    put_le(out_, op.mailbox.value);
    put_le(out_, op.folder.value);
    out_ += op.owner.as_bytes();
    put_string(out_, op.name);
    put_le(out_, static_cast<std::uint8_t>(op.present));
    put_string(out_, op.value);
  }
  void operator()(const SetMailboxState& op) const {
    kind(Kind::kSetMailboxState);
    put_le(out_, op.id.value);
    out_ += op.guid.as_bytes();
    put_le(out_, op.disconnected_s);
  }
  void operator()(const SetRights& op) const {
    kind(Kind::kSetRights);
    put_le(out_, op.folder.value);
    out_ += op.identity.as_bytes();
    put_le(out_, op.rights);
  }
  void operator()(const SetSeen& op) const {
    kind(Kind::kSetSeen);
    put_le(out_, op.folder.value);
    out_ += op.identity.as_bytes();
    put_le(out_, static_cast<std::uint8_t>(op.seen));
    uids(op.uids);
  }

 private:
  void kind(Kind value) const { put_le(out_, static_cast<std::uint8_t>(value)); }
  void uids(const UidSet& set) const {
    put_le(out_, static_cast<std::uint32_t>(set.ranges().size()));
    for (const UidRange range : set.ranges()) {
      put_le(out_, range.first);
      put_le(out_, range.last);
    }
  }
  std::string& out_;
};

template <class Id>
Id take_id(ByteReader& in) {
  return Id(in.le<typename Id::number_type>());
}
Guid take_guid(ByteReader& in) { return Guid::from_bytes(in.take(16)).value_or(Guid{}); }
std::string take_string(ByteReader& in) { return std::string(in.string()); }
bool take_bool(ByteReader& in) { return in.le<std::uint8_t>() != 0; }

UidSet take_uids(ByteReader& in) {
  UidSet set;
  // The loop ends with the bytes, whatever the count says.
  for (auto left = in.le<std::uint32_t>(); left > 0 && in.ok(); --left) {
    const auto first = in.le<std::uint32_t>();
    const auto last = in.le<std::uint32_t>();
    if (in.ok() && first != 0 && first <= last) set.add({first, last});
  }
  return set;
}

CreateFolder take_create_folder(ByteReader& in) {
  CreateFolder op;
  op.id = take_id<FolderId>(in);
  op.mailbox = take_id<MailboxId>(in);
  op.parent = take_id<FolderId>(in);
  op.name = take_string(in);
  op.uid_validity = in.le<std::uint32_t>();
  op.special_use = static_cast<SpecialUse>(in.le<std::uint8_t>());
  op.subscribed = take_bool(in);
  return op;
}

AddMessage take_add_message(ByteReader& in) {
  AddMessage op;
  op.folder = take_id<FolderId>(in);
  op.uid = take_id<Uid>(in);
  op.size = in.le<std::uint32_t>();
  op.flags = in.le<FlagBits>();
  op.internal_date_s = in.le<std::int64_t>();
  op.body = take_id<BodyId>(in);
  op.save_date_s = in.le<std::int64_t>();
  op.annotation = take_string(in);
  return op;
}

RelocateBodies take_relocate_bodies(ByteReader& in) {
  RelocateBodies op;
  // The loop ends with the bytes, whatever the count says.
  for (auto left = in.le<std::uint32_t>(); left > 0 && in.ok(); --left)
    op.bodies.push_back(take_id<BodyId>(in));
  return op;
}

// Braced initialisers are evaluated in order, so each line reads its fields as they are stored.
std::optional<Operation> take(Kind kind, ByteReader& in) {
  switch (kind) {
    case Kind::kCreateMailbox:
      return CreateMailbox{take_id<MailboxId>(in), take_guid(in), take_string(in),
                           in.le<std::int64_t>()};
    case Kind::kDeleteMailbox: return DeleteMailbox{take_id<MailboxId>(in), take_guid(in)};
    case Kind::kCreateFolder: return take_create_folder(in);
    case Kind::kDeleteFolder: return DeleteFolder{take_id<FolderId>(in)};
    case Kind::kRenameFolder:
      return RenameFolder{take_id<FolderId>(in), take_id<FolderId>(in), take_string(in)};
    case Kind::kSetSubscribed: return SetSubscribed{take_id<FolderId>(in), take_bool(in)};
    case Kind::kAddKeyword: return AddKeyword{take_id<FolderId>(in), take_string(in)};
    case Kind::kAddBodies: return AddBodies{take_id<BodyId>(in)};
    case Kind::kAddMessage: return take_add_message(in);
    case Kind::kSetFlags:
      return SetFlags{take_id<FolderId>(in), in.le<FlagBits>(), in.le<FlagBits>(), take_uids(in)};
    case Kind::kExpunge: return Expunge{take_id<FolderId>(in), take_uids(in)};
    case Kind::kAnnotate: return Annotate{take_id<FolderId>(in), take_id<Uid>(in), take_string(in)};
    case Kind::kNoteDelivery:
      return NoteDelivery{take_guid(in), take_id<MailboxId>(in), in.le<std::int64_t>()};
    case Kind::kForgetDeliveries: return ForgetDeliveries{in.le<std::int64_t>()};
    case Kind::kRelocateBodies: return take_relocate_bodies(in);
    case Kind::kDropSegment: return DropSegment{take_id<Lsn>(in)};
    case Kind::kRetire:
      return Retire{take_id<FolderId>(in), take_id<FolderId>(in), take_id<Uid>(in),
                    in.le<std::int64_t>(), take_uids(in)};
    case Kind::kSetMailboxState:
      return SetMailboxState{take_id<MailboxId>(in), take_guid(in), in.le<std::int64_t>()};
    case Kind::kRenewUidValidity:
      return RenewUidValidity{take_id<FolderId>(in), in.le<std::uint32_t>()};
    case Kind::kSetRights:
      return SetRights{take_id<FolderId>(in), take_guid(in), in.le<RightBits>()};
    case Kind::kSetSeen:
      return SetSeen{take_id<FolderId>(in), take_guid(in), take_bool(in), take_uids(in)};
    case Kind::kSetMetadata:
      return SetMetadata{take_id<MailboxId>(in), take_id<FolderId>(in), take_guid(in),
                         take_string(in),        take_bool(in),         take_string(in)};
  }
  return std::nullopt;
}

std::string describe_uids(const UidSet& set) {
  std::string text;
  for (const UidRange range : set.ranges()) {
    if (!text.empty()) text += ',';
    text += range.first == range.last ? fmt::format("{}", range.first)
                                      : fmt::format("{}:{}", range.first, range.last);
  }
  return text;
}

struct Describer {
  std::string operator()(const CreateMailbox& op) const {
    return fmt::format("create-mailbox id={} guid={} label={}", op.id.value, op.guid.to_string(),
                       escape_for_log(op.label));
  }
  std::string operator()(const DeleteMailbox& op) const {
    return fmt::format("delete-mailbox id={} guid={}", op.id.value, op.guid.to_string());
  }
  std::string operator()(const CreateFolder& op) const {
    return fmt::format("create-folder id={} mailbox={} parent={} uidvalidity={} use={} name={}",
                       op.id.value, op.mailbox.value, op.parent.value, op.uid_validity,
                       static_cast<int>(op.special_use), escape_for_log(op.name));
  }
  std::string operator()(const DeleteFolder& op) const {
    return fmt::format("delete-folder id={}", op.id.value);
  }
  std::string operator()(const RenameFolder& op) const {
    return fmt::format("rename-folder id={} parent={} name={}", op.id.value, op.parent.value,
                       escape_for_log(op.name));
  }
  std::string operator()(const SetSubscribed& op) const {
    return fmt::format("set-subscribed id={} subscribed={}", op.id.value, op.subscribed);
  }
  std::string operator()(const AddKeyword& op) const {
    return fmt::format("add-keyword folder={} keyword={}", op.folder.value,
                       escape_for_log(op.keyword));
  }
  std::string operator()(const AddBodies& op) const {
    return fmt::format("add-bodies first={}", op.first.value);
  }
  std::string operator()(const AddMessage& op) const {
    return fmt::format("add-message folder={} uid={} size={} flags={:#x} body={} annotation={}",
                       op.folder.value, op.uid.value, op.size, op.flags, op.body.value,
                       op.annotation.size());
  }
  std::string operator()(const SetFlags& op) const {
    return fmt::format("set-flags folder={} clear={:#x} set={:#x} uids={}", op.folder.value,
                       op.clear, op.set, describe_uids(op.uids));
  }
  std::string operator()(const Expunge& op) const {
    return fmt::format("expunge folder={} uids={}", op.folder.value, describe_uids(op.uids));
  }
  std::string operator()(const Annotate& op) const {
    return fmt::format("annotate folder={} uid={} bytes={}", op.folder.value, op.uid.value,
                       op.annotation.size());
  }
  std::string operator()(const NoteDelivery& op) const {
    return fmt::format("note-delivery id={} mailbox={}", op.delivery.to_string(), op.mailbox.value);
  }
  std::string operator()(const ForgetDeliveries& op) const {
    return fmt::format("forget-deliveries before={}", op.before_s);
  }
  std::string operator()(const RelocateBodies& op) const {
    std::string text = "relocate-bodies";
    for (const BodyId body : op.bodies) text += fmt::format(" {}", body.value);
    return text;
  }
  std::string operator()(const DropSegment& op) const {
    return fmt::format("drop-segment first={}", op.first.value);
  }
  std::string operator()(const Retire& op) const {
    return fmt::format("retire folder={} into={} first={} time={} uids={}", op.from.value,
                       op.into.value, op.first_uid.value, op.time_s, describe_uids(op.uids));
  }
  std::string operator()(const SetMailboxState& op) const {
    return fmt::format("set-mailbox-state id={} guid={} disconnected={}", op.id.value,
                       op.guid.to_string(), op.disconnected_s);
  }
  std::string operator()(const SetMetadata& op) const {
    return fmt::format("set-metadata mailbox={} folder={} owner={} name={} {}", op.mailbox.value,
                       op.folder.value, op.owner.to_string(), escape_for_log(op.name),
                       op.present ? fmt::format("bytes={}", op.value.size()) : "removed");
  }
  std::string operator()(const SetRights& op) const {
    return fmt::format("set-rights folder={} identity={} rights={:#x}", op.folder.value,
                       op.identity.to_string(), op.rights);
  }
  std::string operator()(const SetSeen& op) const {
    return fmt::format("set-seen folder={} identity={} seen={} uids={}", op.folder.value,
                       op.identity.to_string(), op.seen, describe_uids(op.uids));
  }
  std::string operator()(const RenewUidValidity& op) const {
    return fmt::format("renew-uidvalidity folder={} uidvalidity={}", op.folder.value,
                       op.uid_validity);
  }
};

}  // namespace

void encode(const Operation& operation, std::string& out) { std::visit(Encoder(out), operation); }

Result<Operation> decode_operation(std::string_view& bytes) {
  ByteReader in(bytes);
  const auto kind = static_cast<Kind>(in.le<std::uint8_t>());
  auto operation = in.ok() ? take(kind, in) : std::nullopt;
  if (!operation) return fail(ErrorCode::kCorrupt, "unknown operation in the change log");
  if (!in.ok()) return fail(ErrorCode::kCorrupt, "operation cut short in the change log");
  bytes = in.rest();
  return *std::move(operation);
}

std::string describe(const Operation& operation) { return std::visit(Describer{}, operation); }

}  // namespace hauspost::store
