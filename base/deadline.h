// Deadline: a time-out that costs one store per operation. One timer stays armed and, when it fires
// early because the deadline moved on, re-arms itself.
#pragma once

#include <functional>
#include <memory>

#include "base/async.h"

namespace hauspost {

// REQUIRES: the thread of `executor`.
class Deadline {
 public:
  // `expired` runs once when a deadline set by start() passes before stop().
  Deadline(Executor executor, std::function<void()> expired);
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void start(Duration from_now);
  void stop();
  bool expired() const;

 private:
  struct State;  // outlives this object until its timer handler has run
  std::shared_ptr<State> state_;
};

}  // namespace hauspost
