#include "store/database.h"

#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <sodium.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/check.h"
#include "base/log.h"
#include "store/caretaker.h"
#include "store/image.h"
#include "store/metadata.h"
#include "store/recovery.h"
#include "store/search/search_index.h"
#include "store/snapshot_impl.h"
#include "store/verify.h"
#include "store/watch_hub.h"
#include "store/writer.h"

namespace hauspost::store {

class Database::Impl {
 public:
  Impl(OpenOptions with, Platform on)
      : options(std::move(with)), platform(std::move(on)), segments(log_folder(options.path)) {
    platform.fatal = [this, original = platform.fatal](const Error& error) {
      if (!fenced.exchange(true)) original(error);
    };
  }

  Result<> open();
  Result<> note_epoch(LogWriter& log);
  void start_search();
  void close();
  Snapshot snapshot();
  PreparedBody prepare(const std::shared_ptr<const std::string>& message) const;

  OpenOptions options;
  Platform platform;
  Guid guid;
  std::atomic<bool> fenced = false;
  std::optional<FolderLock> lock;
  SegmentCache segments;
  WatchHub hub;
  std::unique_ptr<Index> index;
  std::unique_ptr<Checkpointer> checkpointer;
  std::unique_ptr<Writer> writer;
  std::unique_ptr<SearchIndex> search;  // reads all of the above
  mutable std::shared_mutex log_hold;  // shared: segments stay; alone: to drop one
  std::optional<CompactedParts> parts;
  std::mutex compacting;
  std::unique_ptr<Caretaker> caretaker;
  std::mutex close_mutex;
  bool closed = false;
};

namespace {

// Suspends until the writer has answered. The request lives in the awaiting coroutine's frame,
// which the completion handler keeps alive.
Task<void> run_request(Writer& writer, Request& request) {
  const auto start = [&writer, &request](auto handler) {
    const auto executor = asio::get_associated_executor(handler);
    // Work tracked: an io_context does not run out while the disk is busy for one of its tasks.
    auto tracked = asio::prefer(executor, asio::execution::outstanding_work.tracked);
    auto resume = [tracked, handler = std::move(handler)]() mutable {
      asio::post(tracked, std::move(handler));
    };
    request.done = std::move(resume);
    if (!writer.submit(request)) std::exchange(request.done, nullptr)();
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void()>(start, kUseTask);
}

// Runs `planner` (Plan& -> Result<T>) on the writer's thread and gives back what it returned once
// that is durable. `frees`: it takes things away, or is what a client does before it does that, and
// goes on when space is short.
template <class T, class Planner>
Task<Result<T>> change(Writer& writer, Actor actor, Bodies bodies, Planner planner,
                       bool frees = false) {
  Result<T> outcome = fail(ErrorCode::kInternal, "the change was not planned");
  Request request;
  request.actor = std::move(actor);
  request.bodies = std::move(bodies);
  request.frees = frees;
  request.plan = [&outcome, &planner](Plan& plan) -> Result<> {
    outcome = planner(plan);
    if (!outcome) return fail(outcome.error());
    return {};
  };
  co_await run_request(writer, request);
  if (request.error) co_return fail(*std::move(request.error));
  co_return outcome;
}

}  // namespace

Result<> Database::Impl::open() {
  if (sodium_init() < 0) return fail(ErrorCode::kInternal, "libsodium does not start");
  auto found = read_database_file(options.path);
  if (!found && found.error().code == ErrorCode::kNotFound && options.create) {
    if (options.guid.is_nil()) return fail(ErrorCode::kInvalid, "a new database needs a GUID");
    TRY(create_database(platform, options.path, options.guid));
    found = options.guid;
  }
  if (!found) return fail(std::move(found).error());
  guid = *found;
  if (!options.guid.is_nil() && options.guid != guid)
    return fail(ErrorCode::kInvalid, options.path + " holds database " + guid.to_string());
  TRY_ASSIGN(FolderLock taken, FolderLock::take(options.path));
  lock.emplace(std::move(taken));
  TRY_ASSIGN(Recovered recovered, recover(platform, options, guid));
  index = std::move(recovered.index);
  checkpointer = std::move(recovered.checkpointer);
  const LogExtent& extent = recovered.log;
  LogWriter::Options log_options{log_folder(options.path), guid, options.epoch,
                                 options.segment_bytes, options.disk_reserve_bytes};
  TRY_ASSIGN(auto log,
             LogWriter::open(platform, std::move(log_options),
                             extent.segments.empty() ? Lsn() : extent.segments.back().first_lsn,
                             extent.end, extent.last));
  if (options.epoch > extent.epoch && extent.last != Lsn()) TRY(note_epoch(*log));
  const Writer::Options writer_options{options.epoch, options.checkpoint_log_bytes,
                                       options.checkpoint_interval};
  writer = std::make_unique<Writer>(platform, *index, std::move(log), *checkpointer, hub, fenced,
                                    writer_options);
  parts.emplace(CompactedParts{platform, options, guid, *index, segments, *checkpointer, *writer,
                               log_hold});
  if (options.compact_interval > Duration{})
    caretaker = std::make_unique<Caretaker>(*parts, compacting);
  if (options.search_text) start_search();
  return {};
}

void Database::Impl::start_search() {
  SearchIndex::Options search_options;
  search_options.folder = options.path + "/" + std::string(kSearchFolder);
  search_options.database = guid;
  search_options.disk = platform.disk;
  search_options.snapshot = [this] { return snapshot(); };
  search_options.extract = options.search_text;
  search_options.disk_reserve_bytes = options.disk_reserve_bytes;
  search = std::make_unique<SearchIndex>(std::move(search_options));
}

// An empty record: from now on the log knows this epoch, so no older mount can follow.
Result<> Database::Impl::note_epoch(LogWriter& log) {
  RecordHeader header;
  header.lsn = log.next_lsn();
  header.epoch = options.epoch;
  header.time_us = platform.clock->now().time_since_epoch().count();
  TRY_ASSIGN(WriteTxn txn, index->environment->write());
  TRY_ASSIGN(Applier applier, Applier::create(txn, *index));
  applier.begin(header, 0);
  TRY(applier.finish(log.segment(), log.staged_end(), {}));
  TRY(applier.flush());
  log.stage(encode_record(header, 0, {}, {}, log.segment()));
  TRY(log.allocate_staged());
  TRY(log.write_staged());
  return txn.commit();
}

void Database::Impl::close() {
  const std::scoped_lock guard(close_mutex);
  if (std::exchange(closed, true)) return;
  if (search != nullptr) search->stop();
  if (caretaker != nullptr) caretaker->stop();
  if (writer != nullptr) writer->stop();
  // One on demand meets a writer that refuses, and ends.
  const std::scoped_lock no_compaction(compacting);
  if (checkpointer != nullptr) {
    checkpointer->stop();
    if (!fenced) {
      if (const auto made = checkpointer->make(true); !made)
        log::warning("store.close.unclean", {{"error", made.error()}});
    }
  }
}

Snapshot Database::Impl::snapshot() {
  auto txn = index->environment->read();
  if (!txn) log::error("store.snapshot.failed", {{"error", txn.error()}});
  // Only more than 512 snapshots at once could bring this about.
  HP_CHECK(txn.has_value());
  return Snapshot(std::make_unique<Snapshot::Impl>(*std::move(txn), *index, segments));
}

PreparedBody Database::Impl::prepare(const std::shared_ptr<const std::string>& message) const {
  return prepare_body(message, options.summarize ? options.summarize(*message) : std::string());
}

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::~Database() { close(); }

Result<std::unique_ptr<Database>> Database::open(OpenOptions options) {
  return open(std::move(options), Platform::real());
}

Result<std::unique_ptr<Database>> Database::open(OpenOptions options, Platform platform) {
  const std::string path = options.path;
  std::unique_ptr<Database> database(
      new Database(std::make_unique<Impl>(std::move(options), std::move(platform))));
  if (auto opened = database->impl_->open(); !opened) {
    database->impl_->closed = true;  // nothing to close, and above all no clean mark
    return fail(std::move(opened).error().within("opening database " + path));
  }
  return database;
}

void Database::close() { impl_->close(); }
Snapshot Database::snapshot() const { return impl_->snapshot(); }
SearchIndex* Database::search() const { return impl_->search.get(); }
const Guid& Database::guid() const { return impl_->guid; }
std::uint64_t Database::epoch() const { return impl_->options.epoch; }

Task<Result<MailboxId>> Database::open_mailbox(Actor actor, Guid guid, std::string label) {
  if (const auto known = snapshot().mailbox(guid)) co_return known->id;
  co_return co_await change<MailboxId>(*impl_->writer, std::move(actor), {}, [&](Plan& plan) {
    return plan_open_mailbox(plan, guid, label);
  });
}

Task<Result<>> Database::delete_mailbox(Actor actor, Guid guid) {
  // Its own bounded steps: a big mailbox must not keep the writer from everybody else.
  for (bool done = false; !done;) {
    CO_TRY_ASSIGN(done, co_await change<bool>(*impl_->writer, actor, {}, [&](Plan& plan) {
                    return plan_delete_mailbox(plan, guid);
                  }, true));
  }
  co_return Result<>{};
}

Task<Result<>> Database::set_disconnected(Actor actor, Guid guid, std::int64_t time_s) {
  co_return co_await change<void>(*impl_->writer, std::move(actor), {}, [&](Plan& plan) {
    return plan_set_disconnected(plan, guid, time_s);
  });
}

Task<Result<FolderId>> Database::create_folder(Actor actor, MailboxId mailbox, std::string path,
                                               SpecialUse use) {
  co_return co_await change<FolderId>(*impl_->writer, std::move(actor), {}, [&](Plan& plan) {
    return plan_create_folder(plan, mailbox, path, use);
  });
}

Task<Result<>> Database::delete_folder(Actor actor, FolderId folder) {
  for (bool done = false; !done;) {
    CO_TRY_ASSIGN(done, co_await change<bool>(*impl_->writer, actor, {}, [&](Plan& plan) {
                    return plan_delete_folder(plan, folder, impl_->options.limits);
                  }, true));
  }
  co_return Result<>{};
}

Task<Result<>> Database::rename_folder(Actor actor, FolderId folder, std::string new_path) {
  co_return co_await change<void>(*impl_->writer, std::move(actor), {}, [&](Plan& plan) {
    return plan_rename_folder(plan, folder, new_path);
  });
}

Task<Result<>> Database::set_subscribed(Actor actor, FolderId folder, bool subscribed) {
  co_return co_await change<void>(*impl_->writer, std::move(actor), {}, [&](Plan& plan) {
    return plan_set_subscribed(plan, folder, subscribed);
  });
}

Task<Result<>> Database::set_metadata(Actor actor, MailboxId mailbox, FolderId folder,
                                      std::vector<MetadataChange> changes) {
  co_return co_await change<void>(*impl_->writer, std::move(actor), {}, [&](Plan& plan) {
    return plan_set_metadata(plan, mailbox, folder, changes);
  });
}

Task<Result<Appended>> Database::append(Actor actor, FolderId folder,
                                        std::vector<NewMessage> messages) {
  Bodies bodies;
  for (const NewMessage& message : messages)
    bodies.push_back(std::make_shared<const PreparedBody>(impl_->prepare(message.body)));
  co_return co_await change<Appended>(
      *impl_->writer, std::move(actor), std::move(bodies),
      [&](Plan& plan) { return plan_append(plan, folder, messages, impl_->options.limits); });
}

Task<Result<Appended>> Database::append_noted(Actor actor, FolderId folder,
                                              std::vector<NewMessage> messages,
                                              MetadataChange note, bool beyond_quota) {
  Bodies bodies;
  for (const NewMessage& message : messages)
    bodies.push_back(std::make_shared<const PreparedBody>(impl_->prepare(message.body)));
  const LimitsOf limits = beyond_quota ? LimitsOf() : impl_->options.limits;
  co_return co_await change<Appended>(
      *impl_->writer, std::move(actor), std::move(bodies),
      [&](Plan& plan) { return plan_append(plan, folder, messages, limits, &note); });
}

Task<Result<std::vector<Delivered>>> Database::deliver(Actor actor, Delivery delivery) {
  Bodies bodies{std::make_shared<const PreparedBody>(impl_->prepare(delivery.body))};
  co_return co_await change<std::vector<Delivered>>(
      *impl_->writer, std::move(actor), std::move(bodies),
      [&](Plan& plan) { return plan_deliver(plan, delivery, impl_->options.limits); });
}

Task<Result<Copied>> Database::copy(Actor actor, FolderId from, UidSet uids, FolderId to,
                                    FlagBits keep) {
  co_return co_await change<Copied>(*impl_->writer, std::move(actor), {}, [&](Plan& plan) {
    return plan_copy(plan, from, uids, to, {.keep = keep}, impl_->options.limits);
  });
}

Task<Result<Copied>> Database::move(Actor actor, FolderId from, UidSet uids, FolderId to,
                                    FlagBits keep) {
  co_return co_await change<Copied>(*impl_->writer, std::move(actor), {}, [&](Plan& plan) {
    return plan_copy(plan, from, uids, to, {.move = true, .keep = keep}, impl_->options.limits);
  }, true);
}

Task<Result<FlagsChanged>> Database::change_flags(Actor actor, FolderId folder,
                                                  FlagChange flag_change) {
  co_return co_await change<FlagsChanged>(*impl_->writer, std::move(actor), {}, [&](Plan& plan) {
    return plan_change_flags(plan, folder, flag_change);
  }, true);
}

Task<Result<UidSet>> Database::expunge(Actor actor, FolderId folder, UidSet uids,
                                       bool only_deleted) {
  co_return co_await change<UidSet>(*impl_->writer, std::move(actor), {}, [&](Plan& plan) {
    return plan_expunge(plan, folder, uids, only_deleted, impl_->options.limits);
  }, true);
}

Task<Result<Restored>> Database::restore(Actor actor, Guid mailbox, UidSet uids) {
  co_return co_await change<Restored>(*impl_->writer, std::move(actor), {}, [&](Plan& plan) {
    return plan_restore(plan, mailbox, uids, impl_->options.limits);
  });
}

Task<Result<std::uint64_t>> Database::trim_recoverable(Actor actor, Guid mailbox) {
  co_return co_await change<std::uint64_t>(*impl_->writer, std::move(actor), {}, [&](Plan& plan) {
    return plan_trim(plan, mailbox, impl_->options.limits);
  }, true);
}

Task<Result<>> Database::set_rights(Actor actor, FolderId folder, Guid identity,
                                    RightBits rights) {
  co_return co_await change<void>(*impl_->writer, std::move(actor), {}, [&](Plan& plan) {
    return plan_set_rights(plan, folder, identity, rights);
  }, rights == 0);
}

// Also when space is short: a queue that cannot write down who has a message sends it again instead
// of becoming empty.
Task<Result<>> Database::annotate(Actor actor, FolderId folder, Uid uid, std::string annotation) {
  co_return co_await change<void>(*impl_->writer, std::move(actor), {}, [&](Plan& plan) {
    return plan_annotate(plan, folder, uid, annotation);
  }, true);
}

Task<Result<>> Database::renew_uid_validity(Actor actor) {
  co_return co_await change<void>(*impl_->writer, std::move(actor), {},
                                  [](Plan& plan) { return plan_renew_uid_validity(plan); });
}

Uid Database::claim_recent(FolderId folder, Uid uid_next) {
  return impl_->hub.claim_recent(folder, uid_next);
}
Uid Database::recent_from(FolderId folder, Uid uid_next) const {
  return impl_->hub.recent_from(folder, uid_next);
}

namespace {

bool is_own_image(const OpenOptions& options, const std::string& path) {
  const std::filesystem::path own = options.path + "/" + std::string(kImageFile);
  return own.lexically_normal() == std::filesystem::path(path).lexically_normal();
}

}  // namespace

Result<ImageInfo> Database::write_image(const std::string& path, Throttle& throttle,
                                        Progress& progress) const {
  // Compaction writes the database's own one, and drops records because of what it wrote.
  std::unique_lock alone(impl_->compacting, std::defer_lock);
  if (is_own_image(impl_->options, path) && !alone.try_lock())
    return fail(ErrorCode::kUnavailable, "a compaction of the database is under way");
  return store::write_image(impl_->platform, *impl_->index, path, throttle, progress);
}

std::shared_lock<std::shared_mutex> Database::hold_log() const {
  return std::shared_lock(impl_->log_hold);
}
const std::string& Database::path() const { return impl_->options.path; }
const Platform& Database::platform() const { return impl_->platform; }

Result<VerifyReport> Database::verify() const {
  TRY_ASSIGN(const ReadTxn txn, impl_->index->environment->read());
  VerifyReport report;
  TRY(verify_index(txn, *impl_->index, impl_->segments, report));
  return report;
}

Result<VerifyReport> Database::verify(Progress& progress) const {
  VerifyReport report;
  {
    const auto held = hold_log();
    TRY_ASSIGN(const ReadTxn txn, impl_->index->environment->read());
    TRY(verify_index(txn, *impl_->index, log_folder(path()), report, progress));
  }
  TRY_ASSIGN(ScanReport scanned, scan({}, progress));
  report.records = scanned.records;
  report.log_bytes = scanned.bytes;
  report.damage = std::move(scanned.damage);
  return report;
}

Result<ScanReport> Database::scan(const ScanOptions& options, Progress& progress) const {
  const auto held = hold_log();
  const std::string folder = log_folder(impl_->options.path);
  Lsn last;
  {
    TRY_ASSIGN(const ReadTxn txn, impl_->index->environment->read());
    TRY_ASSIGN(const State state, read_state(txn, *impl_->index));
    last = state.applied;
  }
  ScanOptions naming = options;
  const auto image = read_image_info(impl_->options.path + "/" + std::string(kImageFile));
  naming.covered = image ? image->lsn : Lsn();
  naming.found = [&](Damage& damage) {
    std::vector<Damage> one{damage};
    const auto txn = impl_->index->environment->read();
    // A name that cannot be found is no reason to keep the damage quiet.
    if (txn && name_messages(*txn, *impl_->index, folder, one)) damage = std::move(one.front());
    if (options.found) options.found(damage);
  };
  return scan_segments(folder, impl_->guid, last, naming, progress);
}

Result<CompactReport> Database::compact(const CompactOptions& options, Progress& progress) {
  const std::unique_lock alone(impl_->compacting, std::try_to_lock);
  if (!alone) return fail(ErrorCode::kUnavailable, "a compaction of the database is under way");
  return Compactor(*impl_->parts, options, progress).run();
}

namespace {

void add_space(Database::Statistics& statistics, const CompactedParts& parts) {
  if (const auto outlook = compaction_outlook(parts, parts.options.compact_below_percent)) {
    statistics.log_bytes = outlook->log_bytes;
    statistics.segments = outlook->segments;
    statistics.compactable_bytes = outlook->compactable_bytes;
    statistics.index_bytes = outlook->index_bytes;
    statistics.index_free_bytes = outlook->index_free_bytes;
  } else {
    log::error("store.space.unknown", {{"error", outlook.error()}});
  }
  struct stat file;
  if (::fstat(parts.index.environment->descriptor(), &file) == 0)
    statistics.index_file_bytes = static_cast<std::uint64_t>(file.st_blocks) * 512;
  const auto image = read_image_info(parts.options.path + "/" + std::string(kImageFile));
  if (!image) return;
  statistics.image_bytes = image->bytes;
  statistics.image_lsn = image->lsn;
  statistics.image_created_s = image->created_us / 1'000'000;
}

}  // namespace

Database::Statistics Database::statistics() const {
  Statistics statistics;
  statistics.commits = impl_->writer->commits();
  statistics.records = impl_->writer->records();
  statistics.checkpoint_lsn = impl_->checkpointer->lsn();
  add_space(statistics, *impl_->parts);
  if (const auto read = read_statistics(impl_->index->environment->read(), *impl_->index)) {
    statistics.live_body_bytes = read->live_body_bytes;
    statistics.dead_body_bytes = read->dead_body_bytes;
    statistics.mailboxes = read->mailboxes;
    statistics.messages = read->messages;
    statistics.last_lsn = read->last_lsn;
  } else {
    log::error("store.index.unreadable", {{"error", read.error()}});
  }
  return statistics;
}

FolderWatch::FolderWatch(Database& database, FolderId folder, Executor executor, Signal& signal)
    : database_(database), ear_(std::make_shared<Ear>(executor, signal, folder)) {
  database_.impl_->hub.add(ear_);
}

FolderWatch::~FolderWatch() {
  database_.impl_->hub.remove(ear_);
  const std::scoped_lock lock(ear_->mutex);
  ear_->listening = false;
}

FolderWatch::Taken FolderWatch::take() {
  const std::scoped_lock lock(ear_->mutex);
  return std::exchange(ear_->taken, {});
}

MailboxWatch::MailboxWatch(Database& database, MailboxId mailbox, const Actor& actor,
                           Executor executor, Signal& signal)
    : database_(database), ear_(std::make_shared<Ear>(executor, signal, mailbox, actor)) {
  database_.impl_->hub.add(ear_);
}

MailboxWatch::~MailboxWatch() {
  database_.impl_->hub.remove(ear_);
  const std::scoped_lock lock(ear_->mutex);
  ear_->listening = false;
}

MailboxWatch::Taken MailboxWatch::take() {
  const std::scoped_lock lock(ear_->mutex);
  return std::exchange(ear_->taken, {});
}

}  // namespace hauspost::store
