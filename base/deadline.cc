#include "base/deadline.h"

namespace hauspost {

struct Deadline::State : std::enable_shared_from_this<Deadline::State> {
  State(Executor executor, std::function<void()> on_expiry)
      : timer(executor), expire(std::move(on_expiry)) {}

  void arm() {
    armed_until = due;
    timer.expires_at(due);
    timer.async_wait(
        [self = shared_from_this()](const std::error_code& code) { self->fired(code); });
  }
  void fired(const std::error_code& code) {
    armed_until = std::chrono::steady_clock::time_point::max();
    if (!running || !expire) return;
    if (code || std::chrono::steady_clock::now() < due) {
      arm();
      return;
    }
    running = false;
    passed = true;
    const auto run = expire;  // it may destroy the Deadline, and `expire` with it
    run();
  }

  Timer timer;
  std::function<void()> expire;
  std::chrono::steady_clock::time_point due;
  std::chrono::steady_clock::time_point armed_until = std::chrono::steady_clock::time_point::max();
  bool running = false;
  bool passed = false;
};

Deadline::Deadline(Executor executor, std::function<void()> expired)
    : state_(std::make_shared<State>(executor, std::move(expired))) {}

Deadline::~Deadline() {
  state_->running = false;
  state_->expire = nullptr;
  state_->timer.cancel();
}

void Deadline::start(Duration from_now) {
  state_->due = std::chrono::steady_clock::now() + from_now;
  state_->running = true;
  state_->passed = false;
  const bool unarmed = state_->armed_until == std::chrono::steady_clock::time_point::max();
  if (unarmed) {
    state_->arm();
  } else if (state_->due < state_->armed_until) {
    state_->timer.cancel();  // fired() re-arms for the nearer time
  }
}

void Deadline::stop() { state_->running = false; }

bool Deadline::expired() const { return state_->passed; }

}  // namespace hauspost
