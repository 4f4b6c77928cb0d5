#include "server/store_worker/maintenance_scan.h"

#include <sys/resource.h>

#include <algorithm>

#include "base/log.h"
#include "store/platform.h"

namespace hauspost::store_worker {

namespace {

constexpr std::chrono::seconds kLookAgain{5};
constexpr std::chrono::seconds kSaveInterval{60};
// A pass aims to be through in four fifths of its period.
constexpr std::uint64_t kSlowest = 1ULL << 20;  // bytes a second
constexpr std::uint64_t kFastest = 64ULL << 20;
constexpr int kNiceness = 15;

std::int64_t now_s() {
  return std::chrono::duration_cast<Seconds>(system_clock().now().time_since_epoch()).count();
}

}  // namespace

void MaintenanceScan::start() {
  state_ = store::read_scan_state(database_.path());
  thread_ = std::thread([this] { run(); });
}

void MaintenanceScan::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  progress_.cancel();
  told_.notify_all();
  if (thread_.joinable()) thread_.join();
}

store::ScanState MaintenanceScan::state() const {
  const std::scoped_lock lock(mutex_);
  return state_;
}

void MaintenanceScan::pause() {
  std::unique_lock lock(mutex_);
  told_.wait_for(lock, kLookAgain, [this] { return stop_; });
}

void MaintenanceScan::run() {
  ::setpriority(PRIO_PROCESS, 0, kNiceness);  // Linux: of this thread alone
  saved_ = std::chrono::steady_clock::now();
  for (;;) {
    const auto again = take_turn();
    if (!again && again.error().code != ErrorCode::kCancelled)
      log::error("store.scan.failed", {{"cause", again.error()}});
    {
      const std::scoped_lock lock(mutex_);
      if (stop_) break;
    }
    if (!again.value_or(false)) pause();
  }
  save();
}

// Whether a pass is under way; begins one when its time has come.
bool MaintenanceScan::due(std::int64_t period_s) {
  const std::scoped_lock lock(mutex_);
  if (period_s <= 0) return false;
  if (state_.under_way) return true;
  const std::int64_t now = now_s();
  if (state_.started_s != 0 && now >= state_.started_s && now - state_.started_s < period_s)
    return false;
  state_.started_s = now;
  state_.under_way = true;
  state_.position = {};
  state_.bytes = 0;
  state_.damage.clear();
  return true;
}

// What a library throws ends this turn, not the mail service around it; a later turn tries again.
Result<bool> MaintenanceScan::take_turn() {
  try {
    const std::int64_t period = period_s_();
    if (!due(period)) return false;
    return scan_segment(period);
  } catch (const std::exception& thrown) {
    return fail(ErrorCode::kInternal, std::string("exception: ") + thrown.what());
  } catch (...) {
    return fail(ErrorCode::kInternal, "unknown exception");
  }
}

// One segment of the pass; true: go on at once.
Result<bool> MaintenanceScan::scan_segment(std::int64_t period_s) {
  store::ScanOptions options;
  std::uint64_t bytes_before = 0;
  {
    const std::scoped_lock lock(mutex_);
    options.from = state_.position;
    bytes_before = state_.bytes;
  }
  const std::uint64_t log_bytes = database_.statistics().log_bytes;
  options.one_segment = true;
  options.bytes_per_second =
      std::clamp(log_bytes * 5 / 4 / static_cast<std::uint64_t>(period_s), kSlowest, kFastest);
  options.passed = [&](const store::ScanPosition& position, std::uint64_t bytes) {
    {
      const std::scoped_lock lock(mutex_);
      state_.position = position;
      state_.bytes = bytes_before + bytes;
    }
    if (std::chrono::steady_clock::now() - saved_ > kSaveInterval) save();
  };
  options.found = [&](store::Damage& damage) {
    const std::string text = describe(damage);
    log::error("store.scan.damage", {{"damage", text}});
    const std::scoped_lock lock(mutex_);
    if (state_.damage.size() < store::ScanState::kDamageMax) state_.damage.push_back(text);
  };
  TRY_ASSIGN(const store::ScanReport report, database_.scan(options, progress_));
  if (!report.at_end) return true;
  {
    const std::scoped_lock lock(mutex_);
    state_.under_way = false;
    state_.finished_s = now_s();
    state_.before = state_.damage;
  }
  const store::ScanState done = state();
  log::info("store.scan.done", {{"bytes", done.bytes},
                                {"damaged", done.damage.size()},
                                {"seconds", done.finished_s - done.started_s}});
  save();
  return false;
}

void MaintenanceScan::save() {
  saved_ = std::chrono::steady_clock::now();
  const auto written =
      store::write_scan_state(*database_.platform().disk, database_.path(), state());
  if (!written) log::warning("store.scan.state", {{"cause", written.error()}});
}

}  // namespace hauspost::store_worker
