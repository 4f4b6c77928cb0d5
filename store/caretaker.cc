#include "store/caretaker.h"

#include "base/log.h"

namespace hauspost::store {

namespace {

// Worth while: a tenth of the log and at least a segment, or half of an index of some size.
constexpr std::uint64_t kLogShare = 10;
constexpr std::uint64_t kIndexShare = 2;
constexpr std::uint64_t kIndexBytesMin = 64ULL << 20;

}  // namespace

Caretaker::Caretaker(const CompactedParts& parts, std::mutex& compacting)
    : parts_(parts), compacting_(compacting), thread_([this] { run(); }) {}

Caretaker::~Caretaker() { stop(); }

void Caretaker::stop() {
  progress_.cancel();
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Caretaker::run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (changed_.wait_for(lock, parts_.options.compact_interval, [this] { return stop_; })) return;
    lock.unlock();
    look();
    lock.lock();
  }
}

void Caretaker::look() {
  const auto outlook = compaction_outlook(parts_, parts_.options.compact_below_percent);
  if (!outlook) return log::warning("store.compaction.failed", {{"error", outlook.error()}});
  const bool log_due = outlook->compactable_bytes >= parts_.options.segment_bytes &&
                       outlook->compactable_bytes * kLogShare >= outlook->log_bytes;
  const bool index_due = outlook->index_free_bytes >= kIndexBytesMin &&
                         outlook->index_free_bytes * kIndexShare >= outlook->index_bytes;
  if (!log_due && !index_due && outlook->segments_dropped == 0) return;
  const std::unique_lock alone(compacting_, std::try_to_lock);
  if (!alone) return;
  CompactOptions options;
  options.below_percent = log_due ? parts_.options.compact_below_percent : 0;
  options.bytes_per_second = parts_.options.compact_bytes_per_second;
  options.finish_segment = false;
  options.shrink_index = index_due;
  const auto report = Compactor(parts_, options, progress_).run();
  if (!report) {
    if (report.error().code != ErrorCode::kCancelled)
      log::warning("store.compaction.failed", {{"error", report.error()}});
    return;
  }
  log::info("store.compaction.done", {{"segments", report->segments_dropped},
                                      {"moved", report->bytes_moved},
                                      {"freed", report->bytes_freed},
                                      {"shrunk", report->index_shrunk}});
}

}  // namespace hauspost::store
