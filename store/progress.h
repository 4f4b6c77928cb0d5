// Progress: how far a long piece of work has come, and the wish that it ends. Written by the thread
// that works, read by any.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hauspost::store {

class Progress {
 public:
  // A new step of the work: "copying segments". `total` in bytes unless the step is named otherwise;
  // 0: not known.
  void begin(std::string_view step, std::uint64_t total) {
    const std::scoped_lock lock(mutex_);
    step_ = step;
    done_ = 0;
    total_ = total;
  }
  // The same step, described anew.
  void describe(std::string_view step) {
    const std::scoped_lock lock(mutex_);
    step_ = step;
  }
  void add(std::uint64_t count) { done_ += count; }
  std::uint64_t done() const { return done_; }
  std::uint64_t total() const { return total_; }
  std::string step() const {
    const std::scoped_lock lock(mutex_);
    return step_;
  }

  void cancel() { cancelled_ = true; }
  // kCancelled once somebody wished for the end: the work then leaves everything whole and returns.
  Result<> check() const {
    if (cancelled_) return fail(ErrorCode::kCancelled, "stopped on demand");
    return {};
  }

 private:
  std::atomic<std::uint64_t> done_ = 0;
  std::atomic<std::uint64_t> total_ = 0;
  std::atomic<bool> cancelled_ = false;
  mutable std::mutex mutex_;
  std::string step_;  // guarded by mutex_
};

}  // namespace hauspost::store
