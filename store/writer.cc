#include "store/writer.h"

#include "base/log.h"
#include "base/metrics.h"

namespace hauspost::store {

namespace {

// The index grows while a checkpoint's snapshot is open, as replaced pages cannot be reused: one is
// due, too, when it has grown this much.
constexpr std::uint64_t kIndexGrowthPages = 16'384;  // 64 MiB
// A commit touches some fifteen pages of the index, a record of a large batch some eight.
constexpr std::uint64_t kCommitsResident = 256;
constexpr std::uint64_t kRecordsResident = 512;
constexpr std::int64_t kForgetInterval_s = 3600;
constexpr std::uint64_t kRecordMargin = 64ULL << 20;  // kept for what is not bodies
constexpr std::uint64_t kRecordOverhead = 1024;       // of a record beside its bodies, as a guess

std::uint64_t body_bytes(const Request& request) {
  std::uint64_t total = kRecordOverhead;
  for (const auto& body : request.bodies) total += body->blob_bytes();
  return total;
}

metrics::HistogramFamily g_batches("hauspost_store_commit_requests",
                                   "Changes that went into one commit together.",
                                   metrics::count_buckets());
metrics::HistogramFamily g_commit_times("hauspost_store_commit_seconds",
                                        "Time of one commit, from its planning to its answers.",
                                        metrics::latency_buckets());

bool all_free(const std::vector<Request*>& batch) {
  return std::ranges::all_of(batch, [](const Request* request) { return request->frees; });
}

}  // namespace

Writer::Writer(const Platform& platform, const Index& index, std::unique_ptr<LogWriter> log,
               Checkpointer& checkpointer, WatchHub& hub, const std::atomic<bool>& fenced,
               Options options)
    : platform_(platform),
      index_(index),
      log_(std::move(log)),
      checkpointer_(checkpointer),
      hub_(hub),
      fenced_(fenced),
      options_(options),
      index_space_(*platform.disk, index),
      last_lsn_(log_->next_lsn().value - 1),
      checkpoint_time_(platform.clock->steady()),
      thread_([this] { run(); }) {}

Writer::~Writer() { stop(); }

bool Writer::submit(Request& request) {
  const std::uint64_t bytes = body_bytes(request);
  if (bytes > kRecordBytesMax - kRecordMargin) {
    request.error = Error{ErrorCode::kExhausted, "the change is too big for one record"};
    return false;
  }
  {
    const std::scoped_lock lock(mutex_);
    if (stop_ || fenced_) {
      request.error = Error{ErrorCode::kUnavailable, "the database is closing"};
      return false;
    }
    if (waiting_.size() >= kWaitingMax || waiting_bytes_ + bytes > kWaitingBytesMax) {
      request.error = Error{ErrorCode::kExhausted, "too many changes wait for the disk"};
      return false;
    }
    waiting_.push_back(&request);
    waiting_bytes_ += bytes;
    if (waiting_.size() > 1) return true;  // the thread is awake or about to look
  }
  wakeup_.notify();
  return true;
}

void Writer::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  wakeup_.notify();
  if (thread_.joinable()) thread_.join();
}

Result<> Writer::between_batches(const std::function<Result<>(LogWriter&)>& work) {
  Errand errand;
  errand.work = &work;
  std::unique_lock lock(mutex_);
  if (stop_ || fenced_) return fail(ErrorCode::kUnavailable, "the database is closing");
  errands_.push_back(&errand);
  wakeup_.notify();
  errand_done_.wait(lock, [&] { return errand.done; });
  return std::move(errand.outcome);
}

void Writer::run_errands() {
  std::unique_lock lock(mutex_);
  while (!errands_.empty()) {
    Errand& errand = *errands_.front();
    errands_.pop_front();
    lock.unlock();
    Result<> outcome = fenced_ ? fail(ErrorCode::kUnavailable, "the database's disk failed")
                               : (*errand.work)(*log_);
    lock.lock();
    errand.outcome = std::move(outcome);
    errand.done = true;
    errand_done_.notify_all();
  }
}

void Writer::run() {
  while (true) {
    Batch batch = wait_for_batch();
    if (!batch.empty()) {
      if (fenced_) {
        answer_all(batch, Error{ErrorCode::kUnavailable, "the database's disk failed"});
      } else {
        write_batch(batch);
      }
    }
    run_errands();
    if (!fenced_) checkpoint_if_due();
    const std::scoped_lock lock(mutex_);
    if (stop_ && waiting_.empty() && errands_.empty()) return;
  }
}

// Empty when it is time for a checkpoint or to stop.
Writer::Batch Writer::wait_for_batch() {
  const bool due = !fenced_ && last_lsn_ > checkpointer_.lsn();
  const auto until = std::chrono::steady_clock::now() + options_.checkpoint_interval;
  std::unique_lock lock(mutex_);
  for (bool late = false; !late && !stop_ && waiting_.empty() && errands_.empty();) {
    lock.unlock();
    if (due) {
      late = !wakeup_.wait_until(until);
    } else {
      wakeup_.wait();
    }
    lock.lock();
  }
  Batch batch;
  std::uint64_t bytes = 0;
  while (!waiting_.empty() && batch.size() < kBatchMax && bytes < kBatchBytesMax) {
    const std::uint64_t one = body_bytes(*waiting_.front());
    bytes += one;
    waiting_bytes_ -= one;
    batch.push_back(waiting_.front());
    waiting_.pop_front();
  }
  return batch;
}

RecordHeader Writer::header_for(Actor actor) const {
  RecordHeader header;
  header.lsn = log_->next_lsn();
  header.epoch = options_.epoch;
  header.time_us = platform_.clock->now().time_since_epoch().count();
  header.actor = std::move(actor);
  if (header.actor.device.size() > kDeviceMax) header.actor.device.resize(kDeviceMax);
  return header;
}

void Writer::write_batch(Batch& batch) {
  refuse_for_space(batch);
  if (batch.empty()) return;
  const std::size_t requests = batch.size();
  const auto begun = std::chrono::steady_clock::now();
  std::uint64_t expected = 0;
  for (const Request* request : batch) expected += body_bytes(*request);
  if (const auto room = log_->make_room(expected); !room) {
    if (room.error().code == ErrorCode::kExhausted) return answer_all(batch, room.error());
    return fence(batch, room.error());
  }

  auto txn = index_.environment->write();
  if (!txn) return fence(batch, txn.error());
  auto applier = Applier::create(*txn, index_);
  if (!applier) return answer_all(batch, applier.error());
  auto planned = plan_batch(batch, *applier);
  if (planned && log_->has_staged()) planned = applier->flush();
  // The last moment to notice that something does not fit: from here on the log knows.
  if (planned && log_->has_staged()) {
    planned = take_space(*txn, batch);
    if (!planned && planned.error().code != ErrorCode::kExhausted)
      return fence(batch, planned.error());
  }
  if (!planned) {
    // Nothing of this batch has reached the log: it can be forgotten as a whole.
    log_->drop_staged();
    log::error("store.batch.failed", {{"error", planned.error()}});
    if (planned.error().code == ErrorCode::kCorrupt) {
      // The log is the truth: the next mount makes a new index from it.
      if (const auto noted = checkpointer_.note_damaged_index(); !noted)
        log::error("store.damage.not_noted", {{"error", noted.error()}});
      return fence(batch, planned.error());
    }
    return answer_all(batch, planned.error());
  }
  if (!log_->has_staged()) return answer_all(batch, std::nullopt);

  log_since_checkpoint_ += log_->staged_bytes();
  const std::uint64_t records = log_->next_lsn().value - 1 - last_lsn_.value;
  if (const auto written = log_->write_staged(); !written) return fence(batch, written.error());
  if (const auto committed = txn->commit(); !committed) return fence(batch, committed.error());
  last_lsn_ = Lsn(log_->next_lsn().value - 1);
  ++commits_;
  records_ += records;
  let_go_if_due(records);
  hub_.tell(applier->take_events());
  if (platform_.in_order) checkpoint_if_due();
  answer_all(batch, std::nullopt);
  static metrics::Histogram& sizes = g_batches.with({});
  static metrics::Histogram& times = g_commit_times.with({});
  sizes.observe(std::uint64_t{requests});
  times.observe(std::chrono::steady_clock::now() - begun);
}

// Answers those that must wait for space, and leaves the others.
void Writer::refuse_for_space(Batch& batch) {
  const auto space = log_->space();
  if (space && *space == Space::kEnough) return refuse_for_index(batch);
  const bool none = !space || *space == Space::kGone;
  refuse(batch, !none,
         space ? Error{ErrorCode::kExhausted, "the disk of the database is nearly full"}
               : space.error());
}

// A batch stands or falls as one: what cannot fit would take along what makes room.
void Writer::refuse_for_index(Batch& batch) {
  if (all_free(batch)) return;
  const auto near = index_space_.near_limit();
  if (near && !*near) return;
  refuse(batch, true,
         near ? Error{ErrorCode::kExhausted, "the database's index has reached its size limit"}
              : near.error());
}

void Writer::refuse(Batch& batch, bool keep_frees, const Error& error) {
  Batch refused;
  std::erase_if(batch, [&](Request* request) {
    if (keep_frees && request->frees) return false;
    refused.push_back(request);
    return true;
  });
  answer_all(refused, error);
}

Result<> Writer::take_space(const WriteTxn& txn, const Batch& batch) {
  TRY(log_->allocate_staged());
  return index_space_.take(txn, all_free(batch));
}

Result<> Writer::plan_batch(Batch& batch, Applier& applier) {
  TRY(forget_old_deliveries(applier));
  for (Request* const request : batch) TRY(plan_one(*request, applier));
  return {};
}

// Fails only when the transaction must be given up; the request's own failure is in its `error`.
Result<> Writer::plan_one(Request& request, Applier& applier) {
  const RecordHeader header = header_for(request.actor);
  Plan plan(applier, header, std::move(request.bodies));
  if (auto planned = request.plan(plan); !planned) {
    if (!plan.untouched()) return planned;
    request.error = std::move(planned).error();
    return {};
  }
  return stage(plan, header, applier);
}

Result<> Writer::stage(Plan& plan, const RecordHeader& header, Applier& applier) {
  if (plan.untouched()) return {};
  auto record =
      encode_record(header, plan.operations(), plan.bytes(), plan.take_bodies(), log_->segment());
  if (record->length > kRecordBytesMax)
    return fail(ErrorCode::kExhausted, "the change is too big for one record");
  std::vector<RecordView::Blob> blobs;
  for (std::size_t i = 0; i < record->bodies.size(); ++i)
    blobs.push_back({record->blob_offsets[i], record->bodies[i]->blob_bytes()});
  TRY(applier.finish(log_->segment(), log_->staged_end(), blobs));
  log_->stage(std::move(record));
  return {};
}

Result<> Writer::forget_old_deliveries(Applier& applier) {
  const RecordHeader header = header_for({});
  const std::int64_t now_s = header.time_us / 1'000'000;
  if (now_s < next_forget_s_) return {};
  next_forget_s_ = now_s + kForgetInterval_s;
  TRY_ASSIGN(const std::uint64_t rows, applier.txn().count(index_.deliveries));
  if (rows == 0) return {};
  Plan plan(applier, header, {});
  TRY(plan.emit(ForgetDeliveries{now_s - kDeliveriesKept_s}));
  return stage(plan, header, applier);
}

void Writer::answer_all(Batch& batch, const std::optional<Error>& error) {
  for (Request* const request : batch) {
    if (error) request->error = error;
    auto done = std::move(request->done);
    done();  // from here on the request may be gone
  }
  batch.clear();
}

void Writer::fence(Batch& batch, const Error& error) {
  platform_.fatal(error);  // sets fenced_ when it returns at all
  answer_all(batch, Error{ErrorCode::kUnavailable, "the database's disk failed"});
}

// Between checkpoints, too, the pages of the index that this thread has touched pile up.
void Writer::let_go_if_due(std::uint64_t records) {
  resident_records_ += records;
  if (++resident_commits_ < kCommitsResident && resident_records_ < kRecordsResident) return;
  resident_commits_ = resident_records_ = 0;
  index_.environment->let_go_of_pages();
}

bool Writer::checkpoint_due() const {
  if (last_lsn_ <= checkpointer_.lsn()) return false;
  return log_since_checkpoint_ >= options_.checkpoint_log_bytes ||
         platform_.clock->steady() - checkpoint_time_ >= options_.checkpoint_interval ||
         index_.environment->size().pages_used >= checkpointer_.pages() + kIndexGrowthPages;
}

void Writer::checkpoint_if_due() {
  if (checkpointer_.busy() || !checkpoint_due()) return;
  const auto begun = checkpointer_.begin();
  if (!begun) {
    Batch none;
    return fence(none, begun.error());
  }
  if (!*begun) return;
  log_since_checkpoint_ = 0;
  checkpoint_time_ = platform_.clock->steady();
}

}  // namespace hauspost::store
