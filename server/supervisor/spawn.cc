#include "server/supervisor/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <fmt/format.h>

#include <cstring>
#include <vector>

#include "server/child/wire.h"

namespace hauspost::supervisor {

namespace {

// Descriptors are first moved up here, so that placing one never overwrites another.
constexpr int kHighDescriptor = 256;

int g_child_errors = -1;

class FileActions {
 public:
  FileActions() { ::posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  Result<> place(int fd, int target) {
    UniqueFd high(::fcntl(fd, F_DUPFD_CLOEXEC, kHighDescriptor));
    if (!high) return fail(errno_error("passing a descriptor"));
    ::posix_spawn_file_actions_adddup2(&actions_, high.get(), target);
    moved_.push_back(std::move(high));
    return {};
  }
  void no_input() {
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
  std::vector<UniqueFd> moved_;
};

class Attributes {
 public:
  Attributes() {
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setpgroup(&attributes_, 0);  // Ctrl-C is for the supervisor alone
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

// Our environment, with the descriptors' names.
std::vector<std::string> child_environment(std::span<const child::NamedDescriptor> listeners) {
  std::vector<std::string> environment;
  const std::string own = std::string(child::kDescriptorsVariable) + "=";
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with(own)) environment.emplace_back(*entry);
  }
  std::string names(child::kControlName);
  for (const child::NamedDescriptor& listener : listeners) names += "," + listener.name;
  environment.push_back(own + names);
  return environment;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

struct ControlPair {
  UniqueFd ours;
  UniqueFd theirs;
};

// A pair whose other end already holds the settings: they fit the socket's buffer.
Result<ControlPair> make_control(const child::Settings& settings) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(errno_error("control socket"));
  ControlPair pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
  const std::string bytes = child::to_wire(settings);
  const ssize_t sent = ::send(pair.ours.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (sent != static_cast<ssize_t>(bytes.size()))
    return fail(ErrorCode::kInternal, "child settings do not fit the control socket");
  ::fcntl(pair.ours.get(), F_SETFL, O_NONBLOCK);
  return pair;
}

}  // namespace

void collect_child_errors(int fd) { g_child_errors = fd; }

Result<Spawned> spawn_child(const std::string& program, const child::Settings& settings,
                            std::span<const child::NamedDescriptor> listeners,
                            std::span<const int> inherited) {
  TRY_ASSIGN(ControlPair control, make_control(settings));
  FileActions actions;
  actions.no_input();
  if (g_child_errors >= 0) TRY(actions.place(g_child_errors, STDERR_FILENO));
  int target = child::kFirstDescriptor;
  TRY(actions.place(control.theirs.get(), target++));
  for (const child::NamedDescriptor& listener : listeners)
    TRY(actions.place(listener.fd, target++));
  for (const int fd : inherited) TRY(actions.place(fd, target++));

  std::vector<std::string> arguments = {program};
  if (!settings.database.empty()) arguments.push_back(settings.database);  // seen in ps only
  std::vector<std::string> environment = child_environment(listeners);
  const Attributes attributes;
  Spawned spawned;
  const int failed = ::posix_spawn(&spawned.pid, program.c_str(), actions.get(), attributes.get(),
                                   pointers(arguments).data(), pointers(environment).data());
  if (failed != 0) return fail(errno_error("starting " + program, failed));
  spawned.pidfd = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, spawned.pid, 0)));
  if (!spawned.pidfd) {
    const Error error = errno_error("watching " + program);
    ::kill(spawned.pid, SIGKILL);
    reap(spawned.pid);
    return fail(error);
  }
  spawned.control = std::move(control.ours);
  return spawned;
}

Death reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return {true, 0, "unknown"};
  }
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return {true, signal, fmt::format("signal {} ({})", signal, ::strsignal(signal))};
  }
  return {WEXITSTATUS(status) != 0, 0, fmt::format("exit status {}", WEXITSTATUS(status))};
}

}  // namespace hauspost::supervisor
