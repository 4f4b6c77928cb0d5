// MaintenanceScan: reads the whole change log of a mounted database once in a period, slowly, on a
// thread of its own, and says whose mail is damaged.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "store/database.h"
#include "store/scan_state.h"

namespace hauspost::store_worker {

class MaintenanceScan {
 public:
  // Asked on the scan's thread; 0: do not scan.
  using Period = std::function<std::int64_t()>;

  // `database` outlives stop().
  MaintenanceScan(store::Database& database, Period period_s)
      : database_(database), period_s_(std::move(period_s)) {}
  ~MaintenanceScan() { stop(); }
  MaintenanceScan(const MaintenanceScan&) = delete;
  MaintenanceScan& operator=(const MaintenanceScan&) = delete;

  // Goes on where the last mount's scan was. Any thread may call what follows.
  void start();
  void stop();  // notes how far it came; blocks for a moment
  store::ScanState state() const;

 private:
  void run();
  bool due(std::int64_t period_s);
  Result<bool> take_turn();
  Result<bool> scan_segment(std::int64_t period_s);
  void save();
  void pause();

  store::Database& database_;
  Period period_s_;
  store::Progress progress_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable told_;
  store::ScanState state_;
  bool stop_ = false;
  std::chrono::steady_clock::time_point saved_;  // of the thread alone
  std::thread thread_;
};

}  // namespace hauspost::store_worker
