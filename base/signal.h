// Signal: one session's "something happened, look again". Level-triggered and coalescing: any
// number of notify() calls before a look are one.
#pragma once

#include <functional>
#include <utility>

namespace hauspost {

// REQUIRES: every call on the thread of the session; other threads post there first.
class Signal {
 public:
  Signal() = default;
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  void notify() {
    set_ = true;
    if (waker_) waker_();
  }
  bool is_set() const { return set_; }
  // True once for all notifications since the last take().
  bool take() { return std::exchange(set_, false); }

  // The stream that waits on this signal registers what wakes it; empty takes it back.
  void set_waker(std::function<void()> waker) { waker_ = std::move(waker); }

 private:
  bool set_ = false;
  std::function<void()> waker_;
};

}  // namespace hauspost
