#include <unistd.h>

#include <asio/basic_signal_set.hpp>

#include <csignal>

#include "base/deadline.h"
#include "base/link/rpc.h"
#include "base/log.h"
#include "base/metrics.h"
#include "server/child/child.h"
#include "server/child/control.h"
#include "server/child/metrics_wire.h"

namespace hauspost::child {

namespace {

constexpr std::chrono::seconds kStopTime{10};
constexpr int kExitOrphaned = 3;
constexpr int kExitStopLate = 4;

class Runner {
 public:
  Runner(asio::io_context& io, Life life)
      : io_(io),
        life_(std::move(life)),
        handler_([this](std::uint16_t method, std::string body) {
          return answer(method, std::move(body));
        }),
        signals_(io.get_executor(), SIGTERM),
        told_(io.get_executor()),
        stop_deadline_(io.get_executor(),
                       [] {
                         log::error("stop.late", {{"seconds", kStopTime.count()}});
                         ::_exit(kExitStopLate);
                       }),
        tasks_(io.get_executor()),
        ending_(io.get_executor()) {}

  void run(int control_fd) {
    signals_.async_wait([this](const std::error_code& code, int) {
      if (!code) tell("signal");
    });
    tasks_.spawn("child.control", serve_control(control_fd));
    ending_.spawn("child.ending", end_when_told());
    io_.run();
    // io_ was stopped by the last task itself, which has still to leave its group.
    io_.restart();
    while (ending_.size() != 0) io_.run_one();
  }

 private:
  void tell(std::string_view by) {
    if (std::exchange(stop_, true)) return;
    log::info("stopping", {{"by", by}});
    told_.notify_all();
  }

  Task<Result<std::string>> answer(std::uint16_t method, std::string body) {
    switch (static_cast<ControlMethod>(method)) {
      case ControlMethod::kPing: co_return std::string();
      case ControlMethod::kStop: tell("supervisor"); co_return std::string();
      case ControlMethod::kMetrics: co_return measure();
      case ControlMethod::kLogLevel: co_return set_log_level(body);
      default: break;
    }
    if (!life_.handler) co_return fail(ErrorCode::kInvalid, "unknown control method");
    co_return co_await life_.handler(method, std::move(body));
  }

  std::string measure() const {
    metrics::Snapshot snapshot = metrics::Snapshot::take();
    if (life_.measure) life_.measure(snapshot);
    return metrics_to_wire(snapshot);
  }

  static Result<std::string> set_log_level(const std::string& word) {
    const auto level = log::level_of(word);
    if (!level) return fail(ErrorCode::kInvalid, "no such log level");
    log::set_level(*level);
    return std::string();
  }

  Task<void> serve_control(int fd) {
    UnixSocket socket(co_await asio::this_coro::executor);
    std::error_code code;
    socket.assign(asio::local::stream_protocol(), fd, code);
    if (!code) {
      [[maybe_unused]] auto ended = co_await link::serve_rpc(std::move(socket), handler_);
    }
    // Without the supervisor nobody restarts what fails or owns our listeners. Everything a client
    // was told is durable, so there is nothing to wait for.
    if (!stop_) {
      log::error("supervisor.gone");
      ::_exit(kExitOrphaned);
    }
  }

  Task<void> end_when_told() {
    while (!stop_) {
      [[maybe_unused]] auto woken = co_await told_.wait();
    }
    stop_deadline_.start(kStopTime);
    if (life_.stop) co_await life_.stop();
    tasks_.stop();
    co_await tasks_.join();
    stop_deadline_.stop();
    log::info("stopped");
    std::error_code ignored;
    signals_.cancel(ignored);
    io_.stop();
  }

  asio::io_context& io_;
  Life life_;
  link::RpcHandler handler_;
  asio::basic_signal_set<Executor> signals_;
  Condition told_;
  Deadline stop_deadline_;
  TaskGroup tasks_;
  TaskGroup ending_;
  bool stop_ = false;
};

}  // namespace

namespace {

constexpr std::chrono::seconds kReportTime{2};
constexpr std::chrono::milliseconds kReplyTime{50};  // for the answer to leave before the process does

Task<Result<std::string>> refuse(Error cause) { co_return fail(std::move(cause)); }

Task<void> serve_refusals(UnixSocket socket, const link::RpcHandler& handler) {
  [[maybe_unused]] auto ended = co_await link::serve_rpc(std::move(socket), handler);
}

// Answers the first call with `cause`.
Task<void> tell_failure(int control_fd, Error cause) {
  const Executor executor = co_await asio::this_coro::executor;
  UnixSocket socket(executor);
  std::error_code code;
  socket.assign(asio::local::stream_protocol(), control_fd, code);
  if (code) co_return;
  Condition told(executor);
  bool answered = false;
  const link::RpcHandler handler = [&](std::uint16_t, const std::string&) {
    answered = true;
    told.notify_all();
    return refuse(cause);
  };
  TaskGroup serving(executor);
  serving.spawn("child.control", serve_refusals(std::move(socket), handler));
  Deadline late(executor, [&] {
    answered = true;
    told.notify_all();
  });
  late.start(kReportTime);
  while (!answered) co_await told.wait_even_cancelled();
  late.stop();
  [[maybe_unused]] auto slept = co_await sleep_for(kReplyTime);
  serving.stop();
  co_await serving.join();
}

}  // namespace

int report_failure(asio::io_context& io, Context& context, const Error& cause) {
  log::error("start.failed", {{"cause", cause}});
  TaskGroup telling(io.get_executor());
  telling.spawn("child.failure", tell_failure(std::exchange(context.control_fd, -1), cause));
  io.restart();
  while (telling.size() != 0) io.run_one();
  return 1;
}

int run_until_told(asio::io_context& io, Context& context, Life life) {
  Runner runner(io, std::move(life));
  runner.run(std::exchange(context.control_fd, -1));
  return 0;
}

}  // namespace hauspost::child
