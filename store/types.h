// The store's nouns. Every number here means the same in the log, in the index and on the wire.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace hauspost::store {

using MailboxId = StrongId<struct MailboxTag, std::uint32_t>;  // of one database; never reused
using FolderId = StrongId<struct FolderTag, std::uint32_t>;    // of one database; never reused
using BodyId = StrongId<struct BodyTag, std::uint64_t>;        // of one database; never reused
using Lsn = StrongId<struct LsnTag, std::uint64_t>;        // number of a change log record, from 1
using Uid = StrongId<struct UidTag, std::uint32_t>;        // RFC 9051 section 2.3.1.1
using ModSeq = StrongId<struct ModSeqTag, std::uint64_t>;  // RFC 7162; here: the Lsn of the change

// One bit a flag. Bits 0-4 are the system flags, 5-7 reserved, 8-62 the folder's keywords in the
// order of Folder::keywords, 63 reserved for "more keywords elsewhere".
using FlagBits = std::uint64_t;
inline constexpr FlagBits kSeen = 1;
inline constexpr FlagBits kAnswered = 2;
inline constexpr FlagBits kFlagged = 4;
inline constexpr FlagBits kDeleted = 8;
inline constexpr FlagBits kDraft = 16;
inline constexpr FlagBits kSystemFlags = kSeen | kAnswered | kFlagged | kDeleted | kDraft;
inline constexpr int kFirstKeywordBit = 8;
inline constexpr std::size_t kKeywordsMax = 55;  // a folder

inline constexpr char kHierarchySeparator = '/';
inline constexpr std::size_t kFolderNameMax = 255;  // bytes of one level, UTF-8
inline constexpr std::size_t kFolderDepthMax = 50;
inline constexpr std::size_t kFoldersMax = 10'000;  // a mailbox

// RFC 6154. Stored: numbers are for ever.
enum class SpecialUse : std::uint8_t {
  kNone = 0,
  kInbox = 1,
  kDrafts = 2,
  kSent = 3,
  kJunk = 4,
  kTrash = 5,
  kArchive = 6,
  kAll = 7,
  kFlagged = 8,
  kRecoverable = 64,  // hidden: where deleted messages wait for their retention to end
};

// The name of the hidden folder: a control character in it, so that no client can say it.
inline constexpr std::string_view kRecoverableName = "\x01recoverable";

struct Folder {
  FolderId id;
  MailboxId mailbox;
  FolderId parent;   // 0: top level
  std::string name;  // this level only, UTF-8 in NFC as the client sent it; the inbox is "INBOX"
  std::string path;  // levels joined by '/'; filled by Snapshot, not stored
  std::uint32_t uid_validity = 0;
  Uid uid_next{1};
  ModSeq highest_modseq;
  std::uint32_t messages = 0;
  std::uint32_t unseen = 0;
  std::uint32_t deleted = 0;
  std::uint64_t bytes = 0;  // sum of message sizes
  SpecialUse special_use = SpecialUse::kNone;
  bool subscribed = false;
  bool has_children = false;          // filled by Snapshot::folders
  std::vector<std::string> keywords;  // as first spelt; compare case-insensitively
};

struct Message {
  Uid uid;
  std::uint32_t size = 0;  // octets of the body as the client sees it
  FlagBits flags = 0;
  ModSeq modseq;
  std::int64_t internal_date_s = 0;  // Unix time
  BodyId body;
  std::int64_t save_date_s = 0;  // RFC 8514: when it came into this folder
};

// Of a message in the folder of deleted messages: where it was deleted from. Its save_date_s says
// when.
constexpr FolderId origin_of(const Message& message) {
  return FolderId(static_cast<std::uint32_t>(message.flags >> 32));
}

// What somebody may do with a folder (RFC 4314 section 2.1). Stored: bits are for ever.
using RightBits = std::uint32_t;
inline constexpr RightBits kMayLookUp = 1;            // l
inline constexpr RightBits kMayRead = 2;              // r
inline constexpr RightBits kMayKeepSeen = 4;          // s
inline constexpr RightBits kMayWrite = 8;             // w: flags but \Seen and \Deleted
inline constexpr RightBits kMayInsert = 16;           // i
inline constexpr RightBits kMayPost = 32;             // p
inline constexpr RightBits kMayCreate = 64;           // k: folders below
inline constexpr RightBits kMayDeleteFolder = 128;    // x
inline constexpr RightBits kMayDeleteMessages = 256;  // t: the flag \Deleted
inline constexpr RightBits kMayExpunge = 512;         // e
inline constexpr RightBits kMayAdminister = 1024;     // a
inline constexpr RightBits kAllRights = 2047;

// A grant on one folder. The mailbox's owner needs none.
struct FolderRight {
  Guid identity;  // mailbox of the user who is granted it; nil: anyone
  RightBits rights = 0;
};

// Who caused a change; kept in every log record.
struct Actor {
  Guid session;        // nil: the server itself
  Guid user;           // mailbox of the authenticated user; nil: the server
  std::string device;  // at most 128 bytes; empty when unknown
};

struct Mailbox {
  MailboxId id;
  Guid guid;
  std::string label;  // primary address when the store first saw it; for people only
  std::int64_t created_s = 0;
  std::int64_t disconnected_s = 0;  // Unix time its owner was taken away; 0: in use
  // Sums over its folders, the hidden one apart; kept by every change.
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  std::uint64_t recoverable_messages = 0;
  std::uint64_t recoverable_bytes = 0;
};

// What a mailbox may hold. Decided when a change is planned; replaying the log never asks.
inline constexpr std::uint64_t kUnlimited = UINT64_MAX;
struct MailboxLimits {
  std::uint64_t warn_bytes = kUnlimited;
  std::uint64_t prohibit_send_bytes = kUnlimited;     // the store itself never sends: for others
  std::uint64_t prohibit_receive_bytes = kUnlimited;  // kOverQuota from here on
  std::uint64_t recoverable_bytes = kUnlimited;       // above: the oldest go early
  std::int64_t keep_deleted_s = 0;                    // 0: deleted messages are gone at once
};

}  // namespace hauspost::store
