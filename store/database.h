// Database: one active database copy, opened by one process. Reads are snapshots; writes are
// awaited and return when they are durable. What a write returned is never lost or changed by a
// crash.
#pragma once

#include <functional>
#include <memory>
#include <shared_mutex>
#include <span>

#include "base/async.h"
#include "store/search/zone.h"
#include "store/snapshot.h"
#include "store/types.h"
#include "store/uid_set.h"

namespace hauspost {
class Signal;
}

namespace hauspost::store {

class Progress;  // store/progress.h

struct OpenOptions {
  std::string path;  // the database's folder
  Guid guid;  // kInvalid when the folder holds another database; given to a new one; nil: any
  bool create = false;
  std::uint64_t epoch = 1;  // of this mount; kInvalid when below what is stored
  std::uint64_t segment_bytes = 64ULL << 20;
  std::uint64_t index_bytes_max = 64ULL << 30;  // LMDB map size
  std::uint64_t checkpoint_log_bytes = 64ULL
                                       << 20;  // checkpoint when this much log lies behind the last
  Duration checkpoint_interval = std::chrono::seconds(30);
  std::uint64_t disk_reserve_bytes =
      64ULL << 20;  // refuse writes (kExhausted) below this much free space
  // Segments whose live share is below this are worth compacting.
  unsigned compact_below_percent = 50;
  // Compaction looks by itself this often whether it is worth while; 0: only on demand.
  Duration compact_interval{};
  std::uint64_t compact_bytes_per_second = 4ULL << 20;  // when it does so by itself
  // Segments younger than this stay, whatever they hold: for going back to a point in time.
  Duration keep_log{};
  // Made at append from a message's bytes and stored beside it: Snapshot::body gives it back.
  // Runs on the caller's thread. Empty: no summaries.
  std::function<std::string(std::string_view message)> summarize;
  // What search() finds messages by. Runs on the search index's thread. Empty: no search index.
  SearchExtract search_text;
  Progress* progress = nullptr;  // of recovery, while open() runs; may be null
  // What a mailbox may hold now. Called on the writer's thread for each change that makes one
  // larger or deletes from it: fast, and never into the database. Empty: no limits, no retention.
  std::function<MailboxLimits(const Guid& mailbox)> limits;
};

struct NewMessage {
  std::shared_ptr<const std::string> body;  // shared with whoever made it; never changed
  FlagBits flags = 0;                       // system flags only
  std::vector<std::string> keywords;
  std::int64_t internal_date_s = 0;
  std::string annotation;  // opaque, at most kAnnotationMax; empty: none
};
inline constexpr std::size_t kAnnotationMax = 64 * 1024;

struct Appended {
  std::uint32_t uid_validity = 0;
  std::vector<Uid> uids;  // in the order of the messages
};

struct Copied {
  std::uint32_t uid_validity = 0;
  std::vector<Uid> from;  // rising; pairs with `to`
  std::vector<Uid> to;
};

enum class FlagMode : std::uint8_t { kReplace, kAdd, kRemove };
struct FlagChange {
  UidSet uids;
  FlagMode mode = FlagMode::kAdd;
  FlagBits flags = 0;                 // system flags only
  std::vector<std::string> keywords;  // created in the folder when kAdd or kReplace names a new one
  std::optional<ModSeq> unchanged_since;  // RFC 7162 section 3.1.3
  FlagBits may_change = ~FlagBits{0};     // what the caller has no right to stays as it is
};
struct FlagsChanged {
  UidSet changed;   // now differ from before
  UidSet modified;  // failed the unchanged_since test
};

struct DeliveryTarget {
  Guid mailbox;       // created with its default folders when the store does not know it yet
  std::string label;  // primary address, for a mailbox that is created
  std::string folder = "INBOX";  // path; INBOX when it does not exist
  FlagBits flags = 0;
};
struct Delivery {
  Guid id;  // same id + same mailbox: delivered once, however often it is tried within seven days
  std::shared_ptr<const std::string> body;
  std::int64_t internal_date_s = 0;
  std::vector<DeliveryTarget> targets;
  bool beyond_quota = false;  // also into a full mailbox: for what the server itself has to say
};
struct Delivered {
  FolderId folder;
  Uid uid;  // 0 for a duplicate and when it is over quota
  bool duplicate = false;
  bool over_quota = false;  // nothing was stored for this target; the others stand
  bool nearly_full = false;  // the mailbox holds nine tenths of what it may, or more
};

struct Restored {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

// What watchers of a folder are told, after it is durable and visible to new snapshots.
struct FolderEvent {
  enum class Kind : std::uint8_t {
    kAppended,
    kFlags,
    kExpunged,
    kRenamed,
    kDeleted,
    kCreated,
    kSubscribed,  // or not any more
    kMetadata,
  };
  Kind kind = Kind::kAppended;
  FolderId folder;
  ModSeq modseq;
  UidSet uids;   // of kAppended, kFlags, kExpunged
  Guid session;  // who did it: Actor::session
  // Who alone can see it: the owner of a private metadata entry, or of kFlags whose \Seen it was;
  // nil: everybody.
  Guid identity;
  MailboxId mailbox;     // the folder's
  std::string metadata;  // the entry's name, of kMetadata; its folder is 0 for the mailbox's own
};

class FolderWatch;
class MailboxWatch;     // store/mailbox_watch.h
struct MetadataChange;  // store/metadata.h
class SearchIndex;    // store/search/search_index.h

struct CompactOptions;  // store/compaction.h
struct CompactReport;
struct ImageInfo;     // store/image.h
struct Platform;      // store/platform.h: disk, clock and what a failing disk does
struct ScanOptions;   // store/scan.h
struct ScanReport;
class Throttle;       // store/throttle.h
struct VerifyReport;  // store/verify.h

// A folder of another mailbox than the actor's own keeps the actor's own \Seen: changes to that flag
// by append, copy, move and change_flags touch nobody else's (Snapshot::view_as shows it).
//
// Thread-safe. Every Task resumes on the executor of the coroutine that awaits it; close() before
// the io_context of a coroutine that may be waiting is destroyed (it may have been stopped).
// Failures: kNotFound (mailbox, folder, or no such message), kExists, kInvalid, kExhausted (quota,
// disk, limits), kUnavailable (the database is closing). A failed write changed nothing. When the
// disk itself fails the process ends: no caller is told anything it could mistake for success.
class Database {
 public:
  // Opens or creates, recovers, and starts the writer thread. Blocks.
  // kCorrupt: recovery could not make the folder whole; nothing was changed.
  static Result<std::unique_ptr<Database>> open(OpenOptions options);
  static Result<std::unique_ptr<Database>> open(OpenOptions options, Platform platform);
  ~Database();  // close()s

  // Refuses new writes, waits for those under way, makes a last checkpoint and leaves a clean mark.
  // Blocks.
  void close();

  Snapshot snapshot() const;
  // Null without OpenOptions::search_text. Lives until the database is destroyed.
  SearchIndex* search() const;
  const Guid& guid() const;
  std::uint64_t epoch() const;

  // The mailbox of `guid`, created with INBOX, Drafts, Sent, Junk, Trash and Archive when new
  // (S2-28).
  Task<Result<MailboxId>> open_mailbox(Actor actor, Guid guid, std::string label);
  // Drops the mailbox and everything in it, deleted messages too; step by step, so that a crash may
  // leave a part of it. kNotFound when the store never saw it.
  Task<Result<>> delete_mailbox(Actor actor, Guid guid);
  // Notes that its owner was taken away at that Unix time, or with 0 that it has one. kNotFound.
  Task<Result<>> set_disconnected(Actor actor, Guid guid, std::int64_t time_s);

  // Missing parents are created too. kExists; kInvalid: empty level, '/' at an end, control
  // characters, not UTF-8.
  Task<Result<FolderId>> create_folder(Actor actor, MailboxId mailbox, std::string path,
                                       SpecialUse use);
  // With its messages, which go where expunged ones go. kInvalid: INBOX, or it has children (the
  // text says which). A big one is emptied in steps first: others may see it half empty meanwhile,
  // and it stays so when a later step fails.
  Task<Result<>> delete_folder(Actor actor, FolderId folder);
  // Children move along; missing parents of the new path are created. INBOX: its messages move into
  // the new folder and INBOX stays (RFC 9051 section 6.3.6). kExists; kInvalid: into its own child.
  Task<Result<>> rename_folder(Actor actor, FolderId folder, std::string new_path);
  Task<Result<>> set_subscribed(Actor actor, FolderId folder, bool subscribed);
  // Entries of one folder, or with folder 0 of the mailbox as a whole: all or none. kInvalid: no
  // such name, or a value above kMetadataValueMax; kExhausted: more than an owner may have there.
  Task<Result<>> set_metadata(Actor actor, MailboxId mailbox, FolderId folder,
                              std::vector<MetadataChange> changes);

  // All or none (RFC 3502).
  Task<Result<Appended>> append(Actor actor, FolderId folder, std::vector<NewMessage> messages);
  // Likewise, and in the same record an entry on the mailbox as a whole: how far whoever appends has
  // come, so that neither is there without the other. No messages: the entry alone.
  // `beyond_quota`: also into a full mailbox. kInvalid, kExhausted: as set_metadata().
  Task<Result<Appended>> append_noted(Actor actor, FolderId folder,
                                      std::vector<NewMessage> messages, MetadataChange note,
                                      bool beyond_quota);
  // One body, one record, many mailboxes: all or none.
  Task<Result<std::vector<Delivered>>> deliver(Actor actor, Delivery delivery);
  // UIDs that do not exist are left out silently. All or none. Copies share the body.
  // Flags outside `keep` are left behind. Within one mailbox everybody's \Seen goes along.
  Task<Result<Copied>> copy(Actor actor, FolderId from, UidSet uids, FolderId to,
                            FlagBits keep = ~FlagBits{0});
  Task<Result<Copied>> move(Actor actor, FolderId from, UidSet uids, FolderId to,
                            FlagBits keep = ~FlagBits{0});
  Task<Result<FlagsChanged>> change_flags(Actor actor, FolderId folder, FlagChange change);
  // Removes those of `uids` that exist and, when `only_deleted`, carry \Deleted. Returns what was
  // removed. They go into the folder of deleted messages (Snapshot::recoverable) when the mailbox
  // keeps such; out of that folder they go for good.
  Task<Result<UidSet>> expunge(Actor actor, FolderId folder, UidSet uids, bool only_deleted);
  // Puts messages of the folder of deleted messages back where they were, into INBOX when that
  // folder is gone. All that exist of `uids`, or none (kOverQuota).
  Task<Result<Restored>> restore(Actor actor, Guid mailbox, UidSet uids);
  // Drops deleted messages whose time has come or that are above the mailbox's quota for them, the
  // oldest first and a few thousand at most: returns how many; call again until it is 0.
  Task<Result<std::uint64_t>> trim_recoverable(Actor actor, Guid mailbox);
  // What somebody who does not own the folder may do with it; nil: anyone; 0: nothing any more. A
  // folder that is created below inherits it. kInvalid: the owner, whose rights are all.
  Task<Result<>> set_rights(Actor actor, FolderId folder, Guid identity, RightBits rights);
  Task<Result<>> annotate(Actor actor, FolderId folder, Uid uid, std::string annotation);
  // Every folder gets a new UIDVALIDITY: clients drop what they remember of it. For a database that
  // was put back to an earlier moment. REQUIRES: no session has a folder open.
  Task<Result<>> renew_uid_validity(Actor actor);

  // \Recent (RFC 3501 section 2.3.2), kept in memory only: the first UID that no session has seen
  // yet as recent; the call claims everything below uid_next for the caller.
  Uid claim_recent(FolderId folder, Uid uid_next);
  // The same without claiming.
  Uid recent_from(FolderId folder, Uid uid_next) const;

  struct Statistics {
    std::uint64_t log_bytes = 0;  // all segments
    std::uint64_t live_body_bytes = 0;
    std::uint64_t dead_body_bytes = 0;
    std::uint64_t segments = 0;
    std::uint64_t compactable_bytes = 0;  // of the log: what compact() would give back
    std::uint64_t index_bytes = 0;        // up to the highest page ever used
    std::uint64_t index_free_bytes = 0;   // of these, pages that hold nothing
    std::uint64_t index_file_bytes = 0;   // blocks the file has on the disk
    std::uint64_t image_bytes = 0;        // 0: there is no image (store/image.h)
    Lsn image_lsn;
    std::int64_t image_created_s = 0;
    std::uint64_t mailboxes = 0;
    std::uint64_t messages = 0;
    Lsn last_lsn;
    Lsn checkpoint_lsn;
    std::uint64_t commits = 0;  // batches since the mount
    std::uint64_t records = 0;  // since the mount
  };
  Statistics statistics() const;
  // An image of the index of this moment (store/image.h). Blocks. kUnavailable: it is to be the
  // one in the database's folder, which a compaction under way may be writing.
  Result<ImageInfo> write_image(const std::string& path, Throttle& throttle,
                                Progress& progress) const;
  // While it is held no segment of the change log goes away. REQUIRES: given up by the thread that
  // took it, before the database closes.
  std::shared_lock<std::shared_mutex> hold_log() const;
  const std::string& path() const;  // the database's folder
  const Platform& platform() const;
  // Checks the index of this moment and every body it names (store/verify.h). Blocks.
  Result<VerifyReport> verify() const;
  // As above, but bodies are checked by reading the change log's files from the disk. Blocks.
  Result<VerifyReport> verify(Progress& progress) const;
  // Reads the change log's files from the disk and names every message that damage there hurts
  // (store/scan.h). Blocks.
  Result<ScanReport> scan(const ScanOptions& options, Progress& progress) const;
  // Gives space back: moves what lives out of segments that are mostly dead and drops those, and
  // rewrites an index that is mostly free pages (store/compaction.h). Sessions go on meanwhile.
  // Blocks. kUnavailable: a compaction is under way; kCancelled: what was done so far stands.
  Result<CompactReport> compact(const CompactOptions& options, Progress& progress);

 private:
  friend class FolderWatch;
  friend class MailboxWatch;
  class Impl;
  explicit Database(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A session's ear on one folder. Events collect here (bounded) and `signal` is notified on
// `executor`.
class FolderWatch {
 public:
  static constexpr std::size_t kEventsMax = 1024;

  // `signal` must outlive the watch; both belong to the thread of `executor`.
  FolderWatch(Database& database, FolderId folder, Executor executor, Signal& signal);
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  struct Taken {
    std::vector<FolderEvent> events;
    bool overflowed = false;  // events were dropped: compare the whole folder instead
  };
  Taken take();

  struct Ear;  // of the store's own

 private:
  Database& database_;
  std::shared_ptr<Ear> ear_;  // shared with the hub, which may be telling it just now
};

}  // namespace hauspost::store
