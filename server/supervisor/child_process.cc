#include "server/supervisor/child_process.h"

#include <signal.h>

#include <asio/posix/basic_stream_descriptor.hpp>

#include "base/clock.h"
#include "base/log.h"
#include "server/child/control.h"

namespace hauspost::supervisor {

namespace {

// Recovery of a large database comes before the first answer.
constexpr Duration kGreetingTime = std::chrono::hours(1);

std::int64_t unix_now() {
  return std::chrono::duration_cast<Seconds>(system_clock().now().time_since_epoch()).count();
}

}  // namespace

ChildProcess::ChildProcess(Executor executor, ChildSpec spec)
    : executor_(executor),
      spec_(std::move(spec)),
      policy_(spec_.restart),
      pause_(executor),
      patience_(executor,
                [this] {
                  if (facts_.pid == 0) return;
                  log::warning("child.killed", {{"child", spec_.name}, {"pid", facts_.pid}});
                  ::kill(facts_.pid, SIGKILL);
                }),
      changed_(executor),
      tasks_(executor) {}

ChildProcess::~ChildProcess() = default;

void ChildProcess::start() {
  if (facts_.state != State::kStopped && facts_.state != State::kQuarantined) return;
  told_to_stop_ = false;
  policy_.forget();
  enter(State::kStarting);
  tasks_.spawn("child " + spec_.name, keep_running());
}

Task<void> ChildProcess::stop(Duration patience) {
  if (facts_.state == State::kQuarantined) enter(State::kStopped);
  if (facts_.state != State::kStopped) {
    told_to_stop_ = true;
    enter(State::kStopping);
    pause_.cancel();
    terminate(patience);
  }
  co_await tasks_.join();
}

void ChildProcess::restart(Duration patience) {
  if (facts_.pid == 0) return;
  told_to_restart_ = true;
  terminate(patience);
}

Task<bool> ChildProcess::wait_running(Duration timeout) {
  const std::uint64_t deaths_before = deaths_;
  bool late = false;
  Deadline deadline(executor_, [&] {
    late = true;
    changed_.notify_all();
  });
  deadline.start(timeout);
  while (!late && deaths_ == deaths_before && facts_.state == State::kStarting) {
    if (!co_await changed_.wait()) break;
  }
  co_return facts_.state == State::kRunning;
}

std::shared_ptr<link::RpcClient> ChildProcess::control() const {
  return facts_.state == State::kRunning ? control_ : nullptr;
}

Task<void> ChildProcess::keep_running() {
  bool again = true;
  while (again && !told_to_stop_) {
    const auto born = std::chrono::steady_clock::now();
    const Death death = co_await live_once();
    again = record(death, std::chrono::steady_clock::now() - born);
    if (again && delay_ > Duration::zero()) co_await pause(delay_);
  }
  if (told_to_stop_) {
    enter(State::kStopped);
    co_return;
  }
  log::error("child.quarantined", {{"child", spec_.name}, {"cause", facts_.last_death}});
  enter(State::kQuarantined);
  if (spec_.on_quarantine) spec_.on_quarantine();
}

// False: not to be started again by itself.
bool ChildProcess::record(const Death& death, Duration lived) {
  ++deaths_;
  const bool expected = told_to_stop_ || std::exchange(told_to_restart_, false);
  delay_ = Duration::zero();
  if (expected) {
    // Our own signals are no fault of the child; a failure on its way out is.
    const bool bad = death.abnormal && death.signal != SIGTERM && death.signal != SIGKILL;
    if (bad) ++facts_.crashes;
    log::write(bad ? log::Level::kError : log::Level::kInfo, "child.ended",
               {{"child", spec_.name}, {"how", death.text}});
    changed_.notify_all();
    return !told_to_stop_;
  }
  if (death.abnormal) ++facts_.crashes;
  facts_.last_death = death.text;
  const auto delay = policy_.died(std::chrono::steady_clock::now(), lived, death.abnormal);
  const auto delay_ms = delay ? std::chrono::duration_cast<Milliseconds>(*delay).count() : -1;
  log::error("child.died",
             {{"child", spec_.name}, {"how", death.text}, {"restart_in_ms", delay_ms}});
  if (!delay) return false;
  delay_ = *delay;
  enter(State::kWaiting);
  return true;
}

Task<Death> ChildProcess::live_once() {
  enter(State::kStarting);
  const std::vector<child::NamedDescriptor> listeners = spec_.listeners();
  auto spawned = spawn_child(spec_.program, spec_.settings(), listeners, spec_.inherited);
  if (!spawned) co_return Death{true, 0, spawned.error().text};
  facts_.pid = spawned->pid;
  facts_.started_s = unix_now();
  log::info("child.started", {{"child", spec_.name}, {"pid", facts_.pid}});

  UnixSocket socket(executor_);
  std::error_code code;
  socket.assign(asio::local::stream_protocol(), spawned->control.release(), code);
  if (code) log::error("child.control", {{"child", spec_.name}, {"cause", code.message()}});
  control_ = std::make_shared<link::RpcClient>(std::move(socket));
  TaskGroup greeting(executor_);
  greeting.spawn("child.greet", greet(control_));
  co_await wait_end(spawned->pidfd.release());
  Death death = reap(std::exchange(facts_.pid, 0));
  patience_.stop();
  control_->stop();
  co_await greeting.join();
  co_await control_->join();
  control_.reset();
  if (!failure_.empty()) death.text = std::exchange(failure_, std::string());
  co_return death;
}

Task<void> ChildProcess::greet(std::shared_ptr<link::RpcClient> control) {
  const auto answer = co_await control->call(
      static_cast<std::uint16_t>(child::ControlMethod::kPing), std::string_view(), kGreetingTime);
  // The channel's own errors begin with "rpc:"; any other is the child's answer.
  if (!answer && !answer.error().text.starts_with("rpc:")) failure_ = answer.error().text;
  if (!answer || facts_.state != State::kStarting) co_return;
  log::info("child.ready", {{"child", spec_.name}, {"pid", facts_.pid}});
  enter(State::kRunning);
  if (spec_.on_ready) spec_.on_ready();
}

Task<void> ChildProcess::wait_end(int pidfd) {
  asio::posix::basic_stream_descriptor<Executor> ended(executor_, pidfd);
  std::error_code code;
  co_await ended.async_wait(asio::posix::descriptor_base::wait_read,
                            asio::redirect_error(kUseTask, code));
}

Task<void> ChildProcess::pause(Duration delay) {
  if (told_to_stop_) co_return;
  pause_.expires_after(delay);
  std::error_code ended_early;
  co_await pause_.async_wait(asio::redirect_error(kUseTask, ended_early));
}

void ChildProcess::terminate(Duration patience) {
  if (facts_.pid == 0) return;
  ::kill(facts_.pid, SIGTERM);
  patience_.start(patience);
}

void ChildProcess::enter(State state) {
  if (told_to_stop_ && state != State::kStopped) state = State::kStopping;
  facts_.state = state;
  changed_.notify_all();
}

}  // namespace hauspost::supervisor
