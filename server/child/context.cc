#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/bytes.h"
#include "base/log.h"
#include "base/text.h"
#include "server/child/confine.h"
#include "server/child/wire.h"

namespace hauspost::child {

namespace {

constexpr rlim_t kDescriptorsMax = 65'536;

// Blocks until `size` bytes are here.
Result<std::string> read_exactly(int fd, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count = ::recv(fd, bytes.data() + done, size - done, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(errno_error("reading child settings"));
    if (count == 0) return fail(ErrorCode::kUnavailable, "the supervisor is gone");
    done += static_cast<std::size_t>(count);
  }
  return bytes;
}

Result<Settings> read_settings(int fd) {
  TRY_ASSIGN(const std::string head, read_exactly(fd, 4));
  const auto length = load_le<std::uint32_t>(head.data());
  if (length > kSettingsBytesMax) return fail(ErrorCode::kCorrupt, "child settings too long");
  TRY_ASSIGN(const std::string body, read_exactly(fd, length));
  return settings_from_wire(body);
}

bool is_socket(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

Result<Context> take_descriptors() {
  const char* names = std::getenv(kDescriptorsVariable);
  const auto started_by_hand = [] {
    return fail(ErrorCode::kInvalid,
                "this program is started by hauspostd; start that instead: hauspostd --data DIR");
  };
  if (names == nullptr) return started_by_hand();
  Context context;
  int fd = kFirstDescriptor;
  for (const std::string_view name : split(names, ',')) {
    if (!is_socket(fd)) return started_by_hand();
    if (fd == kFirstDescriptor) {
      if (name != kControlName) return started_by_hand();
      context.control_fd = fd;
    } else {
      context.listeners.push_back({std::string(name), fd});
    }
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    ++fd;
  }
  ::unsetenv(kDescriptorsVariable);
  return context;
}

void set_limits() {
  ::umask(077);
  // Promises for later: what the kernel cannot give is not missed at start.
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = std::min(files.rlim_max, kDescriptorsMax);
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  // The terminal's Ctrl-C and a closed terminal are the supervisor's to handle.
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
}

std::string role_name(const Settings& settings) {
  switch (settings.role) {
    case Role::kAuth: return "auth";
    case Role::kFrontend: return "frontend";
    case Role::kTransport: return "transport";
    case Role::kStore: return "store " + settings.database;
    case Role::kWeb: return "web";
    case Role::kHealth: return "health";
    case Role::kAcme: return "acme";
  }
  return "child";
}

}  // namespace

Result<Context> receive_context() {
  TRY_ASSIGN(Context context, take_descriptors());
  set_limits();
  TRY_ASSIGN(context.settings, read_settings(context.control_fd));
  TRY(become(context.settings.users, context.settings.role));
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a change of user undoes it
  log::start(role_name(context.settings),
             log::level_of(context.settings.log_level).value_or(log::Level::kInfo));
  TRY(confine(context.settings));
  return context;
}

}  // namespace hauspost::child
