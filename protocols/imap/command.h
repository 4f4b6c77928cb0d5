// IMAP commands as typed values (RFC 3501 section 9 and the extensions named at each part). The
// parser makes them, the session acts on them; nothing here is text of the wire any more: mailbox
// names are UTF-8 paths, strings are unquoted, dates are numbers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/log.h"
#include "store/database.h"
#include "store/mime/message.h"
#include "store/uid_set.h"

namespace hauspost::imap {

enum class CommandName : std::uint8_t {
  kAppend,
  kAuthenticate,
  kCapability,
  kCheck,
  kClose,
  kCompress,
  kCopy,
  kCreate,
  kDelete,
  kDeleteAcl,
  kEnable,
  kEsearch,
  kExamine,
  kExpunge,
  kFetch,
  kGetAcl,
  kGetMetadata,
  kGetQuota,
  kGetQuotaRoot,
  kId,
  kIdle,
  kList,
  kListRights,
  kLogin,
  kLogout,
  kLsub,
  kMove,
  kMyRights,
  kNamespace,
  kNoop,
  kNotify,
  kRename,
  kReplace,
  kSearch,
  kSelect,
  kSetAcl,
  kSetMetadata,
  kSetQuota,
  kSort,
  kStartTls,
  kStatus,
  kStore,
  kSubscribe,
  kThread,
  kUnselect,
  kUnsubscribe,
};

// sequence-set (RFC 3501 section 9). As the client wrote it: a range may be upside down, kStar
// stands for "*". What the numbers are (UIDs or sequence numbers) says the command.
struct SequenceSet {
  static constexpr std::uint32_t kStar = 0;
  struct Range {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    bool operator==(const Range&) const = default;
  };
  std::vector<Range> ranges;
  bool saved = false;  // "$" (RFC 5182): what SEARCH RETURN (SAVE) found; then no ranges
  bool operator==(const SequenceSet&) const = default;

  // With "*" replaced by `largest`, the greatest number in use. With `largest` 0 (an empty mailbox)
  // "*" alone names nothing and "n:*" starts at n.
  store::UidSet resolve(std::uint32_t largest) const;
};

// FETCH (RFC 3501 section 6.4.5; BINARY: RFC 3516; MODSEQ: RFC 7162; EMAILID and THREADID: RFC
// 8474; SAVEDATE: RFC 8514; PREVIEW: RFC 8970).
enum class FetchAttribute : std::uint8_t {
  kFlags,
  kUid,
  kInternalDate,
  kRfc822Size,
  kEnvelope,
  kBody,  // BODY without a section: structure without extension data
  kBodyStructure,
  kModSeq,
  kSaveDate,
  kEmailId,
  kThreadId,
  kPreview,
  kSection,  // BODY[...] and BODY.PEEK[...]
  kRfc822,
  kRfc822Header,
  kRfc822Text,
  kBinary,      // BINARY[...] and BINARY.PEEK[...]; uses section.part only
  kBinarySize,  // BINARY.SIZE[...]
};
// Positions among the results of a command, from 1 (RFC 9394). As the client wrote it: a range may
// be upside down.
struct PartialRange {
  std::uint32_t first = 1;
  std::uint32_t last = 1;
  bool from_end = false;  // both count from the last result backwards
  bool operator==(const PartialRange&) const = default;

  // The positions it names among `count` results, from 0 and without the end.
  struct Slice {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  Slice of(std::size_t count) const;
};
struct Partial {
  std::uint32_t offset = 0;
  std::uint32_t count = 0;  // not 0
  bool operator==(const Partial&) const = default;
};
struct FetchItem {
  FetchAttribute attribute = FetchAttribute::kFlags;
  mime::Section section;           // field names as the client spelt them: they are echoed
  bool peek = false;               // of kSection and kBinary
  std::optional<Partial> partial;  // of kSection and kBinary

  // True when delivering this item makes the message \Seen.
  bool sets_seen() const;
  // True when the item cannot be answered from a store::Message alone.
  bool needs_body() const;
};
struct FetchRequest {
  bool uid = false;  // UID FETCH: `set` holds UIDs and UID is among `items`
  SequenceSet set;
  std::vector<FetchItem> items;                // macros expanded; no item twice
  std::optional<std::uint64_t> changed_since;  // then MODSEQ is among `items`
  bool vanished = false;                       // RFC 7162 section 3.2.6; only with changed_since
  std::optional<PartialRange> partial;         // of UID FETCH (RFC 9394)
};

// SEARCH (RFC 3501 section 6.4.4; WITHIN: RFC 5032; MODSEQ: RFC 7162; RETURN: RFC 4731; SAVE: RFC
// 5182; EMAILID: RFC 8474; SAVEDBEFORE and its like: RFC 8514; PARTIAL: RFC 9394).
enum class SearchOp : std::uint8_t {
  kAll,
  kAnd,         // every one of `keys`; empty: all messages
  kOr,          // one of the two in `keys`
  kNot,         // not the one in `keys`
  kHasFlags,    // every bit of `flags`
  kLacksFlags,  // no bit of `flags`
  kHasKeyword,  // `text`, compared without case
  kLacksKeyword,
  kRecent,
  kSequence,  // `set` of sequence numbers
  kUid,       // `set` of UIDs
  kUidAfter,  // UID above `number` (RFC 9738)
  kUidBefore,
  kBefore,    // internal date, zone disregarded: the day is earlier than `day`
  kOn,
  kSince,       // on or after `day`
  kSentBefore,  // the same for the day that the Date field shows
  kSentOn,
  kSentSince,
  kSavedBefore,  // the same for the save date
  kSavedOn,
  kSavedSince,
  kLarger,  // size above `number` octets
  kSmaller,
  kOlder,    // internal date at least `number` seconds ago
  kYounger,  // at most
  kModSeq,   // at least `number`
  kEmailId,  // is `text`
  kFrom,     // `text` in that field's decoded addresses
  kTo,
  kCc,
  kBcc,
  kSubject,
  kHeader,  // field `field` holds `text`; empty text: the field exists
  kBody,
  kText,
};
struct SearchKey {
  SearchOp op = SearchOp::kAll;
  store::FlagBits flags = 0;
  std::int32_t day = 0;  // days since 1970-01-01
  std::uint64_t number = 0;
  std::string field;
  std::string text;  // UTF-8, as the client sent it (not folded)
  SequenceSet set;
  std::vector<SearchKey> keys;
};
struct SearchReturn {
  bool min = false;
  bool max = false;
  bool all = false;
  bool count = false;
  bool save = false;
  std::optional<PartialRange> partial;  // not with `all`
};
struct SearchRequest {
  bool uid = false;                      // answer UIDs
  std::optional<SearchReturn> extended;  // RETURN (...): answer with ESEARCH
  SearchKey key;                         // kAnd over what the command listed
  bool names_modseq = false;             // some key is kModSeq: the answer carries MODSEQ
  bool names_sequence = false;           // some key is kSequence and not "$"
  bool names_charset = false;
};

// SORT (RFC 5256, RFC 5957; RETURN: RFC 5267 section 3).
enum class SortKey : std::uint8_t {
  kArrival,
  kCc,
  kDate,
  kDisplayFrom,
  kDisplayTo,
  kFrom,
  kSize,
  kSubject,
  kTo,
};
struct SortCriterion {
  SortKey key = SortKey::kArrival;
  bool reverse = false;
  bool operator==(const SortCriterion&) const = default;
};
struct SortRequest {
  std::vector<SortCriterion> criteria;  // no key twice: the second could decide nothing
  SearchRequest search;
};

// THREAD (RFC 5256).
enum class ThreadAlgorithm : std::uint8_t { kOrderedSubject, kReferences };
struct ThreadRequest {
  ThreadAlgorithm algorithm = ThreadAlgorithm::kReferences;
  SearchRequest search;
};

// Flags of STORE and APPEND. \Recent is not the client's to set and has been left out.
struct FlagList {
  store::FlagBits system = 0;
  std::vector<std::string> keywords;  // no two equal without regard to case
};
struct StoreRequest {
  bool uid = false;
  SequenceSet set;
  store::FlagMode mode = store::FlagMode::kReplace;
  bool silent = false;
  FlagList flags;
  std::optional<std::uint64_t> unchanged_since;  // RFC 7162 section 3.1.3
};

struct CopyRequest {  // COPY and MOVE (RFC 6851)
  bool uid = false;
  SequenceSet set;
  std::string mailbox;
};
struct ExpungeRequest {
  std::optional<SequenceSet> uids;  // of UID EXPUNGE (RFC 4315)
};

struct CatenatePart {  // RFC 4469: one of the two
  std::shared_ptr<const std::string> text;
  std::string url;
};
struct AppendMessage {
  FlagList flags;
  std::optional<std::int64_t> internal_date_s;
  std::shared_ptr<const std::string> bytes;  // null: made of `parts`
  bool binary = false;  // came as literal8 (RFC 3516 section 4.4)
  bool utf8 = false;    // came as UTF8 (~{...}) (RFC 6855 section 4)
  std::vector<CatenatePart> parts;
};
struct AppendRequest {
  std::string mailbox;
  std::vector<AppendMessage> messages;  // several: MULTIAPPEND (RFC 3502)
};
struct ReplaceRequest {  // RFC 8508
  bool uid = false;
  std::uint32_t number = 0;  // UID or sequence number, or SequenceSet::kStar
  std::string mailbox;
  AppendMessage message;
};

enum class StatusItem : std::uint8_t {
  kMessages,
  kRecent,
  kUidNext,
  kUidValidity,
  kUnseen,
  kDeleted,        // RFC 9051
  kDeletedStorage,  // RFC 9208
  kHighestModSeq,  // RFC 7162
  kSize,           // RFC 8438
  kAppendLimit,    // RFC 7889
  kMailboxId,      // RFC 8474
};
struct StatusRequest {
  std::string mailbox;
  std::vector<StatusItem> items;  // no item twice
};

// GETMETADATA and SETMETADATA (RFC 5464). Entries as the client spelt them, "/private" or "/shared"
// before them; GETMETADATA may name these two alone.
enum class MetadataDepth : std::uint8_t { kEntry, kChildren, kAll };
struct GetMetadataRequest {
  std::string mailbox;  // empty: the server
  std::vector<std::string> entries;
  std::optional<std::uint32_t> max_size;
  MetadataDepth depth = MetadataDepth::kEntry;
};
struct SetMetadataRequest {
  std::string mailbox;  // empty: the server
  std::vector<std::pair<std::string, std::optional<std::string>>> entries;  // nullopt: goes
};

// filter-mailboxes (RFC 5465 section 8, "subtree-one": RFC 7377 section 2.2).
struct MailboxFilter {
  enum class Kind : std::uint8_t {
    kSelected,
    kSelectedDelayed,
    kInboxes,
    kPersonal,
    kSubscribed,
    kSubtree,
    kSubtreeOne,
    kMailboxes,
  };
  Kind kind = Kind::kSelected;
  std::vector<std::string> paths;  // of the last three

  bool is_selected() const { return kind == Kind::kSelected || kind == Kind::kSelectedDelayed; }
};

// NOTIFY (RFC 5465). Events are bits.
inline constexpr unsigned kMessageNew = 1;
inline constexpr unsigned kMessageExpunge = 2;
inline constexpr unsigned kFlagChange = 4;
inline constexpr unsigned kMailboxName = 8;
inline constexpr unsigned kSubscriptionChange = 16;
inline constexpr unsigned kMailboxMetadataChange = 32;
inline constexpr unsigned kServerMetadataChange = 64;
inline constexpr unsigned kMessageEvents = kMessageNew | kMessageExpunge | kFlagChange;
struct NotifyGroup {
  MailboxFilter filter;
  unsigned events = 0;
  std::vector<FetchItem> items;  // of kMessageNew in the selected mailbox
};
struct NotifyRequest {
  bool status = false;
  std::vector<NotifyGroup> groups;  // empty: NOTIFY NONE; at most one of the selected mailbox
};

// ESEARCH (RFC 7377).
struct MultiSearchRequest {
  std::vector<MailboxFilter> sources;  // empty: the selected mailbox
  SearchRequest search;                // of UIDs, and always `extended`
};

// LIST and LSUB; the rest is LIST-EXTENDED (RFC 5258), SPECIAL-USE (RFC 6154) and LIST-STATUS
// (RFC 5819).
struct ListRequest {
  bool extended = false;  // any selection or return option, or several patterns
  std::string reference;
  std::vector<std::string> patterns;  // UTF-8; one that is no valid mailbox name is left out
  bool delimiter_only = false;        // LIST "" "": asks for the hierarchy separator
  bool select_subscribed = false;
  bool select_special_use = false;
  bool select_recursive = false;
  bool return_subscribed = false;
  bool return_children = false;
  bool return_special_use = false;
  std::vector<StatusItem> return_status;     // empty: not asked
  bool return_my_rights = false;             // RFC 8440
  std::vector<std::string> return_metadata;  // RFC 9590; empty: not asked
};

// What a client remembers of a mailbox (RFC 7162 section 3.2.5).
struct ResyncRequest {
  std::uint32_t uid_validity = 0;
  std::uint64_t modseq = 0;
  std::optional<SequenceSet> known_uids;
  // A sample of what it knows, pair by pair: as many of the one as of the other, both rising.
  SequenceSet match_sequences;
  SequenceSet match_uids;
};
struct SelectRequest {  // SELECT and EXAMINE
  std::string mailbox;
  std::string spelled;     // as the client wrote it
  bool condstore = false;  // RFC 7162 section 3.1.8
  std::optional<ResyncRequest> resync;
};
struct MailboxRequest {  // DELETE SUBSCRIBE UNSUBSCRIBE
  std::string mailbox;
};
struct CreateRequest {
  std::string mailbox;  // without the separator that RFC 3501 section 6.3.3 allows at the end
  std::string spelled;  // as the client wrote it, without that separator too
  store::SpecialUse use = store::SpecialUse::kNone;  // RFC 6154 section 3
};
struct QuotaRequest {  // GETQUOTA GETQUOTAROOT SETQUOTA (RFC 9208)
  std::string name;    // of a quota root or, of GETQUOTAROOT, a mailbox
};
struct RenameRequest {
  std::string from;
  std::string to;
};
struct EnableRequest {
  std::vector<std::string> names;  // upper case
};
struct IdRequest {  // RFC 2971
  std::vector<std::pair<std::string, std::optional<std::string>>> fields;
};
struct LoginRequest {
  std::string user;
  Secret password;
};
struct AuthenticateRequest {
  std::string mechanism;                   // upper case
  std::optional<Secret> initial_response;  // as sent, base64 not undone; "=" is an empty one
};

// GETACL SETACL DELETEACL LISTRIGHTS MYRIGHTS (RFC 4314); not each has all of it.
struct AclRequest {
  std::string mailbox;
  std::string identifier;
  std::string rights;  // as the client wrote them
};

using Arguments =
    std::variant<std::monostate, AclRequest, AppendRequest, AuthenticateRequest, CopyRequest, CreateRequest,
                 EnableRequest, ExpungeRequest, FetchRequest, GetMetadataRequest, IdRequest,
                 ListRequest, LoginRequest, MailboxRequest, MultiSearchRequest, NotifyRequest,
                 QuotaRequest, RenameRequest, ReplaceRequest, SearchRequest, SelectRequest,
                 SetMetadataRequest, SortRequest, StatusRequest, StoreRequest, ThreadRequest>;

struct Command {
  CommandName name = CommandName::kNoop;
  bool uid = false;     // came with the UID prefix
  Arguments arguments;  // of the type that belongs to `name`
};

}  // namespace hauspost::imap
