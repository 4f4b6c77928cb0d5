#include "server/supervisor/log_collector.h"

#include <fcntl.h>
#include <unistd.h>

#include <asio/post.hpp>

#include "base/log.h"
#include "server/supervisor/log_file_target.h"
#include "server/supervisor/spawn.h"

namespace hauspost::supervisor {

namespace {

constexpr int kPipeBytes = 1 << 20;  // what Linux lets everybody have
constexpr std::size_t kReadBytes = 64 * 1024;
constexpr std::size_t kPartialMax = 64 * 1024;  // of what is no line of ours

}  // namespace

LogCollector::LogCollector(Executor executor)
    : executor_(executor), pipe_(executor), side_(executor), tasks_(executor) {}

LogCollector::~LogCollector() {
  log::redirect({});
  collect_child_errors(-1);
}

Result<> LogCollector::start(const LogSettings& settings, const std::string& data_root) {
  using Target = LogSettings::Target;
  if (const auto level = log::level_of(settings.level)) log::set_level(*level);
  const bool journal = settings.target == Target::kJournal ||
                       (settings.target == Target::kAuto && stderr_is_journal());
  if (journal) {
    auto opened = open_journal();
    if (opened) return collect(std::move(*opened));
    // Nobody has asked for it: standard error leads there, too.
    if (settings.target == Target::kAuto) return {};
    return fail(opened.error());
  }
  if (settings.target != Target::kFile) return {};
  TRY_ASSIGN(auto file, LogFileTarget::open(settings, log_file(settings, data_root), system_clock(),
                                            [this](std::function<void()> work) {
                                              asio::post(executor_, [this, todo = std::move(work)] {
                                                aside_.push_back(todo);
                                                tasks_.spawn("log.aside", work_aside());
                                              });
                                            }));
  return collect(std::move(file));
}

Result<> LogCollector::collect(std::unique_ptr<LogTarget> target) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return fail(errno_error("pipe of the log"));
  UniqueFd ours(ends[0]);
  children_ = UniqueFd(ends[1]);
  ::fcntl(children_.get(), F_SETPIPE_SZ, kPipeBytes);  // a smaller one will do
  std::error_code code;
  pipe_.assign(ours.get(), code);
  if (code) return fail(asio_error("pipe of the log", code));
  static_cast<void>(ours.release());
  target_ = std::move(target);
  buffer_.resize(kReadBytes);
  collect_child_errors(children_.get());
  log::redirect([this](std::string_view line) { give(line); });
  tasks_.spawn("log.collect", read_pipe());
  return {};
}

void LogCollector::give(std::string_view lines) {
  const std::scoped_lock lock(mutex_);
  target_->write(lines);
}

Task<void> LogCollector::read_pipe() {
  for (;;) {
    std::error_code code;
    co_await pipe_.async_wait(asio::posix::descriptor_base::wait_read,
                              asio::redirect_error(kUseTask, code));
    if (code || tasks_.stopping()) co_return;
    read_once();
  }
}

// Whole lines go on; false: there is nothing more now.
bool LogCollector::read_once() {
  const ssize_t count = ::read(pipe_.native_handle(), buffer_.data(), buffer_.size());
  if (count <= 0) return count < 0 && errno == EINTR;
  const std::string_view fresh(buffer_.data(), static_cast<std::size_t>(count));
  const std::size_t end = fresh.rfind('\n');
  if (end == std::string_view::npos) {
    partial_ += fresh;
  } else {
    const std::string_view lines = fresh.substr(0, end + 1);
    give(partial_.empty() ? lines : std::string_view(partial_ += lines));
    partial_ = fresh.substr(end + 1);
  }
  if (partial_.size() > kPartialMax) {
    give(partial_ += '\n');
    partial_.clear();
  }
  return true;
}

Task<void> LogCollector::work_aside() {
  if (aside_.empty()) co_return;
  std::vector<std::function<void()>> works;
  works.swap(aside_);
  // Shared with the thread, which may outlive this task.
  const auto shared = std::make_shared<std::vector<std::function<void()>>>(std::move(works));
  [[maybe_unused]] auto done = co_await side_.perform([shared](const std::atomic<bool>&) {
    for (const auto& work : *shared) work();
  });
}

Task<void> LogCollector::stop() {
  tasks_.stop();
  co_await tasks_.join();
  log::redirect({});
  collect_child_errors(-1);
  children_ = UniqueFd();
  if (!target_) co_return;
  while (read_once()) {
  }
  if (!partial_.empty()) give(partial_ += '\n');
  target_.reset();
}

}  // namespace hauspost::supervisor
