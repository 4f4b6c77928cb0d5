#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/clock.h"
#include "tools/cli/commands.h"

namespace hauspost::cli {

namespace {

constexpr Seconds kStopPatience{20};

struct StopOptions {
  bool no_wait = false;
};

// A process named so that its number cannot come to mean another one while we wait for its end.
class ProcessHandle {
 public:
  explicit ProcessHandle(std::uint64_t pid)
      : fd_(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0))) {}
  ~ProcessHandle() {
    if (fd_ >= 0) ::close(fd_);
  }
  ProcessHandle(const ProcessHandle&) = delete;
  ProcessHandle& operator=(const ProcessHandle&) = delete;

  // True once it has ended; waits at most `patience`.
  bool ends_within(Milliseconds patience) const {
    if (fd_ < 0) return true;  // it had ended before
    pollfd wanted{fd_, POLLIN, 0};
    return ::poll(&wanted, 1, static_cast<int>(patience.count())) == 1;
  }

 private:
  int fd_;
};

Outcome<> run_stop(Context& context, StopOptions& options) {
  TRY_ASSIGN(const auto status, context.ask(admin::StatusRequest{}));
  const ProcessHandle supervisor(status.pid());
  TRY(context.ask(admin::StopRequest{}));
  const bool stopped =
      supervisor.ends_within(options.no_wait ? Milliseconds{0} : Milliseconds(kStopPatience));
  if (!stopped && !options.no_wait) {
    return refused(ErrorCode::kTimeout,
                   fmt::format("server {}: told to stop, but process {} still lives after {} s; "
                               "see its log",
                               status.data_root(), status.pid(), kStopPatience.count()));
  }
  context.print({{"data_root", status.data_root()}, {"pid", status.pid()}, {"stopped", stopped}});
  context.say(
      fmt::format("Server {} {}.", status.data_root(), stopped ? "has stopped" : "is stopping"));
  return {};
}

}  // namespace

void add_server_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "server", "The server as a whole");
  auto options = std::make_shared<StopOptions>();
  add_verb<StopOptions>(*noun, "stop", "Stop the server and wait until it has ended", chosen,
                        options, run_stop)
      ->add_flag("--no-wait", options->no_wait, "Return at once");
}

}  // namespace hauspost::cli
