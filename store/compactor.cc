#include "store/compactor.h"

#include <sys/stat.h>

#include <thread>

#include "base/log.h"
#include "store/recovery.h"

namespace hauspost::store {

namespace {

using namespace std::chrono_literals;

constexpr unsigned kPercent = 100;
constexpr auto kPoll = 5ms;
constexpr auto kPauseBetweenTries = 200ms;  // while checkpoints pause for want of space
constexpr auto kCheckpointPatience = 60s;
constexpr auto kReaderPatience = 10s;
constexpr std::uint64_t kShrinkFreeShare = 4;              // free pages are at least one in so many
constexpr std::uint64_t kShrinkFreeBytesMin = 1ULL << 20;  // and this much

std::string image_path(const CompactedParts& parts) {
  return parts.options.path + "/" + std::string(kImageFile);
}

struct SegmentState {
  SegmentFile file;
  SegmentRow row;
  Lsn last;                   // of its records; 0 for the open one
  std::int64_t ended_us = 0;  // when the next one began; only when segments are kept for a time
  bool open = false;

  bool worth_while(unsigned below_percent) const {
    return !open && !row.dropped && row.live_bytes * kPercent < file.bytes * below_percent;
  }
};

Result<std::int64_t> created_us(const SegmentFile& file) {
  TRY_ASSIGN(const auto map, SegmentMap::open(file.path));
  TRY_ASSIGN(const SegmentHeader header, decode_segment_header(map->bytes()));
  return header.created_us;
}

Result<std::vector<SegmentState>> read_segments(const CompactedParts& parts) {
  TRY_ASSIGN(const auto files, list_segments(log_folder(parts.options.path)));
  TRY_ASSIGN(const ReadTxn txn, parts.index.environment->read());
  std::vector<SegmentState> states;
  for (std::size_t i = 0; i < files.size(); ++i) {
    SegmentState state{files[i]};
    TRY_ASSIGN(const auto raw, txn.get(parts.index.segments, segment_key(files[i].first_lsn)));
    if (raw) {
      TRY_ASSIGN(state.row, decode_segment(*raw));
    }
    state.open = i + 1 == files.size();
    if (!state.open) {
      // Between it and the next file there may be dropped ones: then this is more than its last.
      state.last = Lsn(files[i + 1].first_lsn.value - 1);
      if (parts.options.keep_log > Duration{}) {
        TRY_ASSIGN(state.ended_us, created_us(files[i + 1]));
      }
    }
    states.push_back(std::move(state));
  }
  return states;
}

}  // namespace

Result<CompactionOutlook> compaction_outlook(const CompactedParts& parts, unsigned below_percent) {
  CompactionOutlook outlook;
  TRY_ASSIGN(const auto states, read_segments(parts));
  const std::int64_t now_us = parts.platform.clock->now().time_since_epoch().count();
  const std::int64_t keep_us =
      std::chrono::duration_cast<std::chrono::microseconds>(parts.options.keep_log).count();
  for (const SegmentState& state : states) {
    ++outlook.segments;
    outlook.log_bytes += state.file.bytes;
    outlook.segments_dropped += state.row.dropped ? 1 : 0;
    if (state.worth_while(below_percent) && state.ended_us <= now_us - keep_us)
      outlook.compactable_bytes += state.file.bytes - state.row.live_bytes;
  }
  const Environment::Size size = parts.index.environment->size();
  outlook.index_bytes = size.pages_used * size.page_bytes;
  TRY_ASSIGN(const ReadTxn txn, parts.index.environment->read());
  TRY_ASSIGN(const std::uint64_t free, Environment::free_pages(txn));
  outlook.index_free_bytes = free * size.page_bytes;
  return outlook;
}

Compactor::Compactor(const CompactedParts& parts, const CompactOptions& options, Progress& progress)
    : parts_(parts), options_(options), progress_(progress), throttle_(options.bytes_per_second) {}

Result<CompactReport> Compactor::run() {
  if (options_.below_percent > kPercent)
    return fail(ErrorCode::kInvalid, "a live share is at most 100 percent");
  if (options_.finish_segment && !options_.dry_run) TRY(finish_open_segment());
  TRY(choose());
  if (!options_.dry_run) {
    TRY(move_bodies());
    if (!chosen_.empty()) {
      TRY(cover_by_image());
      TRY(drop_segments());
    }
    TRY(remove_files());
  }
  if (options_.shrink_index) TRY(shrink());
  return std::move(report_);
}

Result<Compactor::Moment> Compactor::now() const {
  TRY_ASSIGN(const ReadTxn txn, parts_.index.environment->read());
  TRY_ASSIGN(const State state, read_state(txn, parts_.index));
  return Moment{txn.id(), state.applied};
}

Result<> Compactor::finish_open_segment() {
  TRY_ASSIGN(const auto states, read_segments(parts_));
  if (states.empty()) return {};
  const SegmentRow& row = states.back().row;
  // Not for the sake of its operations alone: each call would leave a small segment behind.
  if (row.dead_bytes == 0 ||
      row.live_bytes * kPercent >= (row.live_bytes + row.dead_bytes) * options_.below_percent)
    return {};
  return parts_.writer.between_batches([this](LogWriter& log) {
    auto finished = log.finish_segment();
    if (!finished && finished.error().code != ErrorCode::kExhausted)
      parts_.platform.fatal(finished.error());
    return finished;
  });
}

Result<> Compactor::choose() {
  TRY_ASSIGN(const auto states, read_segments(parts_));
  const std::int64_t now_us = parts_.platform.clock->now().time_since_epoch().count();
  const std::int64_t keep_us =
      std::chrono::duration_cast<std::chrono::microseconds>(parts_.options.keep_log).count();
  std::uint64_t live = 0;
  for (const SegmentState& state : states) {
    if (state.open) continue;
    if (state.row.dropped) {
      doomed_[state.file.first_lsn.value] = state.file;
      continue;
    }
    ++report_.segments;
    if (!state.worth_while(options_.below_percent)) continue;
    if (state.ended_us > now_us - keep_us) {
      ++report_.segments_young;
      continue;
    }
    chosen_[state.file.first_lsn.value] = {state.file, state.last};
    live += state.row.live_bytes;
    if (options_.dry_run) {
      ++report_.segments_dropped;
      report_.bytes_freed += state.file.bytes;
    }
  }
  if (options_.dry_run) report_.bytes_moved = live;
  progress_.begin("moving bodies", live);
  return {};
}

Result<> Compactor::move_bodies() {
  std::set<std::uint64_t> segments;
  for (const auto& [first, chosen] : chosen_) segments.insert(first);
  if (segments.empty()) return {};
  TRY_ASSIGN(const Moved moved,
             relocate_bodies(parts_, segments, throttle_, progress_, report_.faults));
  report_.bodies_moved = moved.bodies;
  report_.bytes_moved = moved.bytes;
  std::erase_if(chosen_, [&](const auto& entry) { return !segments.contains(entry.first); });
  return {};
}

// Without the records of the dropped segments the index can be made again only from an image.
Result<> Compactor::cover_by_image() {
  Lsn needed;
  for (const auto& [first, chosen] : chosen_) needed = std::max(needed, chosen.last);
  const std::string path = image_path(parts_);
  if (const auto info = read_image_info(path);
      info && info->database == parts_.guid && info->lsn >= needed && check_image(path, progress_))
    return {};
  TRY_ASSIGN(image_, write_image(parts_.platform, parts_.index, path, throttle_, progress_));
  return {};
}

Result<> Compactor::drop_segments() {
  progress_.begin("dropping segments", 0);
  std::vector<std::uint64_t> dropped;
  TRY(submit_and_wait(parts_.writer, {}, [&](Plan& plan) -> Result<> {
    dropped.clear();
    for (const auto& [first, chosen] : chosen_) {
      TRY_ASSIGN(const auto raw, plan.txn().get(plan.index().segments, segment_key(Lsn(first))));
      SegmentRow row;
      if (raw) {
        TRY_ASSIGN(row, decode_segment(*raw));
      }
      // A copy made meanwhile of a body that was thought dead keeps it alive.
      if (row.live_bytes != 0 || row.dropped) continue;
      TRY(plan.emit(DropSegment{Lsn(first)}));
      dropped.push_back(first);
    }
    return {};
  }));
  for (const std::uint64_t first : dropped) doomed_[first] = chosen_.at(first).file;
  report_.segments_dropped = dropped.size();
  return {};
}

Result<> Compactor::remove_files() {
  if (doomed_.empty()) return {};
  progress_.begin("removing segments", 0);
  report_.segments_waiting = doomed_.size();
  // No recovery may begin to replay before their last record, and no reader look into them. The
  // checkpoint is a reader, too: it is to be younger than this moment, not the other way round.
  TRY_ASSIGN(const Moment dropped, now());
  TRY(wait_for_checkpoint(dropped.applied));
  TRY_ASSIGN(const bool unread, wait_for_readers(dropped.transaction));
  std::unique_lock held(parts_.log_hold, std::try_to_lock);
  if (!unread || !held) return {};
  for (const auto& [first, file] : doomed_) {
    parts_.segments.forget(Lsn(first));
    TRY(parts_.platform.disk->remove(file.path));
    report_.bytes_freed += file.bytes;
    log::info("store.segment.dropped", {{"segment", file.path}, {"bytes", file.bytes}});
  }
  report_.segments_waiting = 0;
  auto synced = parts_.platform.disk->sync_folder(log_folder(parts_.options.path));
  if (!synced) parts_.platform.fatal(synced.error());
  return synced;
}

Result<> Compactor::wait_for_checkpoint(Lsn lsn) {
  const auto until = std::chrono::steady_clock::now() + kCheckpointPatience;
  while (parts_.checkpointer.lsn() < lsn) {
    TRY(progress_.check());
    if (std::chrono::steady_clock::now() > until)
      return fail(ErrorCode::kUnavailable, "no checkpoint came about");
    TRY(parts_.writer.between_batches([this](LogWriter&) -> Result<> {
      TRY(parts_.checkpointer.begin());
      return {};
    }));
    std::this_thread::sleep_for(parts_.checkpointer.pausing() ? kPauseBetweenTries : kPoll);
  }
  return {};
}

Result<bool> Compactor::wait_for_readers(std::uint64_t transaction) {
  const auto until = std::chrono::steady_clock::now() + kReaderPatience;
  while (true) {
    TRY(progress_.check());
    TRY_ASSIGN(const auto oldest, parts_.index.environment->oldest_reader());
    const bool unread = !oldest || *oldest >= transaction;
    // Those of an index that was replaced began before, whatever their number.
    if (unread && !parts_.index.environment.former_in_use()) return true;
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(kPoll);
  }
}

Result<> Compactor::shrink() {
  const Environment::Size size = parts_.index.environment->size();
  report_.index_bytes_before = report_.index_bytes_after = size.pages_used * size.page_bytes;
  TRY_ASSIGN(const std::uint64_t free, [this]() -> Result<std::uint64_t> {
    TRY_ASSIGN(const ReadTxn txn, parts_.index.environment->read());
    return Environment::free_pages(txn);
  }());
  const bool worth_while =
      free * size.page_bytes >= kShrinkFreeBytesMin && free * kShrinkFreeShare >= size.pages_used;
  if (!worth_while && !options_.always_shrink) return {};
  report_.index_shrunk = true;
  if (options_.dry_run) {
    report_.index_bytes_after -= free * size.page_bytes;
    return {};
  }
  if (!image_) {
    TRY_ASSIGN(image_, write_image(parts_.platform, parts_.index, image_path(parts_), throttle_,
                                   progress_));
  }
  TRY(replace_index(parts_, *image_, progress_));
  const Environment::Size now = parts_.index.environment->size();
  report_.index_bytes_after = now.pages_used * now.page_bytes;
  return {};
}

}  // namespace hauspost::store
