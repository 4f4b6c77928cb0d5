#include "server/child/helper_pool.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asio/read.hpp>
#include <asio/write.hpp>
#include <climits>

#include "base/bytes.h"
#include "base/deadline.h"
#include "base/log.h"

namespace hauspost::child {

namespace {

constexpr unsigned kQuestionsMax = 1000;  // of one process: what it leaks, it does not keep

// Zeroes what may hold a password when the scope ends.
class Wiped {
 public:
  explicit Wiped(std::string text) : text_(std::move(text)) {}
  ~Wiped() { ::explicit_bzero(text_.data(), text_.size()); }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
  std::string_view view() const { return text_; }

 private:
  std::string text_;
};

// Descriptor 3 is its socket; nothing else of ours stays open, and its signals are as at birth.
Result<pid_t> spawn(const std::string& program, int socket) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, socket, helpers::kSocket);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, helpers::kSocket + 1);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(
      &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::string name = program;
  char* const arguments[] = {name.data(), nullptr};
  std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  char* const environment[] = {path.data(), nullptr};
  pid_t pid = 0;
  const int failed =
      ::posix_spawn(&pid, program.c_str(), &actions, &attributes, arguments, environment);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0)
    return fail(ErrorCode::kUnavailable, errno_error("starting " + program, failed).text);
  return pid;
}

}  // namespace

class HelperPool::Helper {
 public:
  Helper(HelperPool& pool, UnixSocket socket, pid_t pid)
      : pool_(pool), socket_(std::move(socket)), pid_(pid) {}
  ~Helper() {
    ::kill(-pid_, SIGKILL);  // with whatever a PAM module has started
    pool_.dying_.push_back(pid_);
    pool_.bury();
  }
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  UnixSocket& socket() { return socket_; }
  bool worn_out() { return ++questions_ >= kQuestionsMax; }

 private:
  HelperPool& pool_;
  UnixSocket socket_;
  pid_t pid_;
  unsigned questions_ = 0;
};

// One of the processes' places.
struct HelperPool::Busy {
  explicit Busy(HelperPool& owner) : pool(owner) { ++pool.busy_; }
  ~Busy() {
    --pool.busy_;
    pool.free_.notify_all();
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  HelperPool& pool;
};

HelperPool::HelperPool(Executor executor, Settings settings)
    : executor_(executor), settings_(std::move(settings)), free_(executor) {}

HelperPool::~HelperPool() {
  idle_.clear();
  for (const pid_t pid : dying_) ::waitpid(pid, nullptr, 0);
}

// Waits for none of them: a killed process may take a moment.
void HelperPool::bury() {
  std::erase_if(dying_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
}

Result<std::unique_ptr<HelperPool::Helper>> HelperPool::start() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(errno_error("socket of a helper"));
  UnixSocket ours(executor_);
  std::error_code code;
  ours.assign(asio::local::stream_protocol(), ends[0], code);
  auto pid = code ? Result<pid_t>(fail(asio_error("socket of a helper", code)))
                  : spawn(settings_.program, ends[1]);
  ::close(ends[1]);
  if (!pid) return fail(std::move(pid).error());
  log::info("helper.started", {{"program", settings_.program}, {"pid", *pid}});
  return std::make_unique<Helper>(*this, std::move(ours), *pid);
}

Task<Result<helpers::Fields>> HelperPool::converse(Helper& helper, std::string_view question) {
  Deadline deadline(executor_, [&helper] {
    std::error_code ignored;
    helper.socket().cancel(ignored);
  });
  deadline.start(settings_.timeout);
  const auto failed = [&](const std::error_code& code) -> Error {
    if (deadline.expired())
      return Error{ErrorCode::kUnavailable, settings_.program + ": no answer in time"};
    Error error = asio_error(settings_.program, code);
    if (error.code != ErrorCode::kCancelled) error.code = ErrorCode::kUnavailable;
    return error;
  };
  std::error_code code;
  co_await asio::async_write(helper.socket(), asio::buffer(question),
                             asio::redirect_error(kUseTask, code));
  if (code) co_return fail(failed(code));
  char head[sizeof(std::uint32_t)];
  co_await asio::async_read(helper.socket(), asio::buffer(head),
                            asio::redirect_error(kUseTask, code));
  if (code) co_return fail(failed(code));
  const auto size = load_le<std::uint32_t>(head);
  if (size > helpers::kMessageMax)
    co_return fail(ErrorCode::kUnavailable, settings_.program + ": answer too long");
  std::string body(size, '\0');
  co_await asio::async_read(helper.socket(), asio::buffer(body),
                            asio::redirect_error(kUseTask, code));
  if (code) co_return fail(failed(code));
  auto answer = helpers::decode(body);
  if (!answer) co_return fail(ErrorCode::kUnavailable, settings_.program + ": malformed answer");
  co_return std::move(*answer);
}

Task<Result<helpers::Fields>> HelperPool::ask(helpers::Fields question) {
  const Wiped bytes(helpers::encode(question));
  for (auto& [name, value] : question) ::explicit_bzero(value.data(), value.size());
  if (bytes.view().size() > helpers::kMessageMax)
    co_return fail(ErrorCode::kInvalid, settings_.program + ": question too long");
  if (waiting_ >= settings_.waiting_max)
    co_return fail(ErrorCode::kUnavailable, settings_.program + ": too many questions at once");
  while (busy_ >= settings_.processes_max) {
    ++waiting_;
    const auto woken = co_await free_.wait();
    --waiting_;
    if (!woken) co_return fail(woken.error());
  }
  const Busy busy(*this);
  bury();
  // One that died while it was idle is no reason to refuse anybody: a second try starts a new one.
  for (bool fresh = false;; fresh = true) {
    std::unique_ptr<Helper> helper;
    if (!idle_.empty() && !fresh) {
      helper = std::move(idle_.back());
      idle_.pop_back();
    } else {
      fresh = true;
      CO_TRY_ASSIGN(helper, start());
    }
    const auto asked = std::chrono::steady_clock::now();
    auto answer = co_await converse(*helper, bytes.view());
    if (answer) {
      if (!helper->worn_out()) idle_.push_back(std::move(helper));
      co_return std::move(*answer);
    }
    const bool late = std::chrono::steady_clock::now() - asked >= settings_.timeout;
    log::warning("helper.failed", {{"cause", answer.error()}});
    if (fresh || late || answer.error().code == ErrorCode::kCancelled)
      co_return fail(std::move(answer).error());
  }
}

std::string helper_path(std::string_view program) {
  char path[PATH_MAX];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  const std::string_view own(path, size > 0 ? static_cast<std::size_t>(size) : 0);
  return std::string(own.substr(0, own.rfind('/') + 1)) + std::string(program);
}

}  // namespace hauspost::child
