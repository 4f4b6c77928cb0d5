#include "store/log_writer.h"

#include "base/log.h"
#include "base/metrics.h"
#include "store/segment_map.h"

namespace hauspost::store {

namespace {

constexpr std::uint64_t kFillStep = 1ULL << 20;
// The first segment is allocated only this far: a new database is ready at once and small.
constexpr std::uint64_t kFirstFill = 4ULL << 20;
constexpr std::uint64_t kAllocateStep = 1ULL << 20;  // without a prepared segment
constexpr std::uint64_t kSpaceCheckBytes = 4ULL << 20;
constexpr auto kSpaceCheckInterval = std::chrono::seconds(1);
constexpr const char* kNewSegmentFile = "segment.new";

metrics::HistogramFamily g_sync_times("hauspost_store_sync_seconds",
                                      "Time of one flush of the change log to the disk.",
                                      metrics::latency_buckets());
metrics::Histogram& g_sync_time = g_sync_times.with({});
metrics::CounterFamily g_written("hauspost_store_written_bytes_total",
                                 "Bytes written to the change log.");

const std::string& zeros() {
  static const std::string page(kFillStep, '\0');
  return page;
}

}  // namespace

Result<> fill_with_zeros(DiskFile& file, std::uint64_t from, std::uint64_t to) {
  while (from < to) {
    const std::uint64_t count = std::min(to - from, kFillStep - from % kFillStep);
    const std::string_view step = std::string_view(zeros()).substr(0, count);
    TRY(file.write_at(from, {&step, 1}));
    from += count;
  }
  return file.sync();
}

SegmentPreparer::SegmentPreparer(const Platform& platform, std::string log_folder,
                                 std::uint64_t bytes, std::uint64_t reserve_bytes)
    : disk_(*platform.disk),
      in_order_(platform.in_order),
      folder_(std::move(log_folder)),
      bytes_(bytes),
      reserve_bytes_(reserve_bytes),
      thread_([this] { run(); }) {}

SegmentPreparer::~SegmentPreparer() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
  if (ready_ != nullptr) {
    ready_.reset();
    // Left behind it would only cost space until the next open removes it.
    if (const auto removed = disk_.remove(folder_ + "/" + kPreparedFile); !removed)
      log::debug("store.prepared.kept", {{"error", removed.error()}});
  }
}

void SegmentPreparer::request() {
  {
    const std::scoped_lock lock(mutex_);
    if (wanted_ || ready_ != nullptr) return;
    wanted_ = !in_order_;
  }
  if (in_order_) return keep(prepare());
  changed_.notify_all();
}

void SegmentPreparer::keep(Result<std::unique_ptr<DiskFile>> file) {
  const std::scoped_lock lock(mutex_);
  wanted_ = false;
  if (file) {
    ready_ = std::move(*file);
  } else if (!stop_) {
    // Without it appends extend their file: slower, not wrong.
    log::warning("store.prepare.failed", {{"error", file.error()}});
  }
}

bool SegmentPreparer::ready() const {
  const std::scoped_lock lock(mutex_);
  return ready_ != nullptr;
}

std::unique_ptr<DiskFile> SegmentPreparer::take() {
  const std::scoped_lock lock(mutex_);
  return std::move(ready_);
}

bool SegmentPreparer::stopping() const {
  const std::scoped_lock lock(mutex_);
  return stop_;
}

void SegmentPreparer::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return wanted_ || stop_; });
    if (stop_) return;
    lock.unlock();
    keep(prepare());
    lock.lock();
  }
}

Result<std::unique_ptr<DiskFile>> SegmentPreparer::prepare() {
  TRY_ASSIGN(const std::uint64_t free, disk_.free_bytes(folder_));
  if (free < bytes_ + reserve_bytes_) return fail(ErrorCode::kExhausted, "too little disk space");
  const std::string path = folder_ + "/" + kPreparedFile;
  TRY(disk_.remove(path));
  TRY_ASSIGN(auto file, disk_.open(path));
  for (std::uint64_t at = 0; at < bytes_; at += kFillStep) {
    if (stopping()) return fail(ErrorCode::kCancelled, "stopping");
    // Synced step by step: one large flush would hold up the writer's own.
    TRY(fill_with_zeros(*file, at, std::min(at + kFillStep, bytes_)));
  }
  return file;
}

LogWriter::LogWriter(const Platform& platform, Options options)
    : platform_(platform),
      options_(std::move(options)),
      preparer_(platform, options_.log_folder, options_.segment_bytes,
                options_.disk_reserve_bytes) {}

Result<std::unique_ptr<LogWriter>> LogWriter::open(const Platform& platform, Options options,
                                                   Lsn segment, std::uint64_t end, Lsn last) {
  std::unique_ptr<LogWriter> writer(new LogWriter(platform, std::move(options)));
  Disk& disk = *platform.disk;
  const std::string& folder = writer->options_.log_folder;
  writer->next_lsn_ = last.next();
  TRY(disk.remove(folder + "/" + SegmentPreparer::kPreparedFile));
  TRY(disk.remove(folder + "/" + kNewSegmentFile));
  if (segment == Lsn()) {
    TRY(writer->begin_segment(nullptr));
    const std::uint64_t fill = std::min(writer->options_.segment_bytes, kFirstFill);
    if (fill > kSegmentHeaderBytes) {
      TRY(fill_with_zeros(*writer->file_, kSegmentHeaderBytes, fill));
      writer->allocated_ = fill;
    }
    return writer;
  }
  TRY_ASSIGN(writer->file_, disk.open(folder + "/" + segment_name(segment)));
  TRY_ASSIGN(writer->allocated_, writer->file_->size());
  writer->segment_ = segment;
  writer->end_ = writer->staged_end_ = end;
  return writer;
}

Result<> LogWriter::begin_segment(std::unique_ptr<DiskFile> prepared) {
  Disk& disk = *platform_.disk;
  const std::string temporary =
      options_.log_folder + "/" +
      (prepared != nullptr ? SegmentPreparer::kPreparedFile : kNewSegmentFile);
  if (prepared == nullptr) {
    TRY(disk.remove(temporary));
    TRY_ASSIGN(prepared, disk.open(temporary));
    TRY(prepared->allocate(0, kSegmentHeaderBytes));
  }
  SegmentHeader header;
  header.database = options_.database;
  header.first_lsn = next_lsn_;
  header.epoch = options_.epoch;
  header.created_us = platform_.clock->now().time_since_epoch().count();
  const std::string page = encode_segment_header(header);
  const std::string_view part = page;
  // Only then does it get a name that counts: a segment always has a whole header.
  TRY(prepared->write_at(0, {&part, 1}));
  TRY(prepared->sync());
  TRY_ASSIGN(const std::uint64_t bytes, prepared->size());
  TRY(disk.rename(temporary, options_.log_folder + "/" + segment_name(next_lsn_)));
  if (auto synced = disk.sync_folder(options_.log_folder); !synced) {
    // It may have its name for good: a record behind it in the old segment would never be found.
    synced.error().code = ErrorCode::kInternal;
    return synced;
  }
  file_ = std::move(prepared);
  segment_ = next_lsn_;
  end_ = staged_end_ = kSegmentHeaderBytes;
  allocated_ = bytes;
  return {};
}

Result<> LogWriter::make_room(std::uint64_t expected) {
  if (staged_end_ > allocated_ / 2) preparer_.request();
  if (staged_end_ == kSegmentHeaderBytes || staged_end_ + expected <= allocated_) return {};
  const bool full = staged_end_ + expected > options_.segment_bytes;
  auto prepared = preparer_.take();
  if (prepared == nullptr && !full) return {};
  return begin_segment(std::move(prepared));
}

Result<> LogWriter::finish_segment() {
  if (end_ == kSegmentHeaderBytes) return {};
  return begin_segment(preparer_.take());
}

Result<> LogWriter::allocate_staged() {
  if (staged_end_ <= allocated_) return {};
  const std::uint64_t step = std::min(staged_end_ + kAllocateStep, options_.segment_bytes);
  if (step > staged_end_ && file_->allocate(allocated_, step - allocated_)) {
    allocated_ = step;
    return {};
  }
  auto exact = file_->allocate(allocated_, staged_end_ - allocated_);
  if (exact) allocated_ = staged_end_;
  return exact;
}

void LogWriter::stage(std::unique_ptr<EncodedRecord> record) {
  staged_end_ += record->padded;
  next_lsn_ = next_lsn_.next();
  staged_.push_back(std::move(record));
}

void LogWriter::drop_staged() {
  next_lsn_ = Lsn(next_lsn_.value - staged_.size());
  staged_end_ = end_;
  staged_.clear();
}

Result<> LogWriter::write_staged() {
  pieces_.clear();
  for (const auto& record : staged_)
    pieces_.insert(pieces_.end(), record->pieces.begin(), record->pieces.end());
  TRY(file_->write_at(end_, pieces_));
  const auto begun = std::chrono::steady_clock::now();
  TRY(file_->sync());
  g_sync_time.observe(std::chrono::steady_clock::now() - begun);
  g_written.add(staged_end_ - end_);
  written_ += staged_end_ - end_;
  end_ = staged_end_;
  allocated_ = std::max(allocated_, end_);
  staged_.clear();
  return {};
}

Result<Space> LogWriter::space() {
  const auto now = platform_.clock->steady();
  if (space_ == Space::kEnough && checked_time_ != std::chrono::steady_clock::time_point{} &&
      written_ - checked_at_ < kSpaceCheckBytes && now - checked_time_ < kSpaceCheckInterval)
    return space_;
  checked_at_ = written_;
  checked_time_ = now;
  TRY_ASSIGN(const std::uint64_t free, platform_.disk->free_bytes(options_.log_folder));
  const std::uint64_t reserve = options_.disk_reserve_bytes;
  Space seen = free < reserve ? Space::kShort : Space::kEnough;
  // Up only when there is clearly more: at the border every other change would be refused.
  if (space_ != Space::kEnough && free < reserve + reserve / 4) seen = Space::kShort;
  if (free < reserve / 4 || (space_ == Space::kGone && free < reserve / 2)) seen = Space::kGone;
  if (seen != space_) {
    space_ = seen;
    log::warning(seen == Space::kEnough ? "store.disk.enough" : "store.disk.short",
                 {{"free", free}, {"reserve", reserve}});
  }
  return space_;
}

}  // namespace hauspost::store
