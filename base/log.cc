#include "base/log.h"

#include <unistd.h>

#include <climits>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cerrno>

#include "base/metrics.h"
#include "base/text.h"

namespace hauspost {

void Secret::wipe() noexcept {
  value_.resize(value_.capacity());  // within the capacity: cannot allocate
  volatile char* bytes = value_.data();
  for (std::size_t i = 0; i < value_.size(); ++i) bytes[i] = 0;
  value_.clear();
}

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    wipe();
    value_ = other.value_;
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    value_ = std::move(other.value_);
    other.wipe();
  }
  return *this;
}

namespace log {

namespace {

constexpr std::size_t kFieldLimit = 1024;
// Pieces up to this size go into a pipe whole, whoever else writes there.
constexpr std::size_t kLineMax = PIPE_BUF;

metrics::CounterFamily g_lines("hauspost_log_lines_total", "Log lines written, by level.",
                               {"level"});
metrics::CounterFamily g_dropped("hauspost_log_dropped_total",
                                 "Log lines dropped because nobody took them in time.");

// Writes lines, and never waits where the other end is a pipe that does not wait.
class LineSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void redirect(std::function<void(std::string_view)> take) {
    const std::scoped_lock lock(mutex_);
    take_ = std::move(take);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (dropped_ > 0) tell_dropped(message);
    if (dropped_ > 0 || !put(message)) {
      ++dropped_;
      g_dropped.add();
    }
  }
  void flush_() override {}

 private:
  void tell_dropped(const spdlog::details::log_msg& like) {
    const std::string text = "log.dropped lines=" + std::to_string(dropped_);
    spdlog::details::log_msg notice = like;
    notice.level = spdlog::level::warn;
    notice.payload = spdlog::string_view_t(text.data(), text.size());
    if (put(notice)) dropped_ = 0;
  }

  bool put(const spdlog::details::log_msg& message) {
    spdlog::memory_buf_t buffer;
    formatter_->format(message, buffer);
    if (buffer.size() > kLineMax) {
      buffer.resize(kLineMax);
      buffer[kLineMax - 1] = '\n';
    }
    const std::string_view line(buffer.data(), buffer.size());
    if (!take_) return write_whole(line);
    take_(line);
    return true;
  }

  // False: not a byte of it was taken.
  static bool write_whole(std::string_view line) {
    for (std::string_view rest = line; !rest.empty();) {
      const ssize_t count = ::write(STDERR_FILENO, rest.data(), rest.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return rest.size() != line.size();
      rest.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  std::function<void(std::string_view)> take_;
  std::uint64_t dropped_ = 0;  // since the last line that got through
};

const std::shared_ptr<LineSink>& line_sink() {
  static const auto instance = std::make_shared<LineSink>();
  return instance;
}

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("hauspost", line_sink());
    // The number itself, not %P: that is a system call a line.
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %n pid=" + std::to_string(::getpid()) + " %v");
    return made;
  }();
  return *instance;
}

std::shared_ptr<spdlog::logger>& named_logger() {
  static std::shared_ptr<spdlog::logger> instance;
  return instance;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug: return spdlog::level::debug;
    case Level::kInfo: return spdlog::level::info;
    case Level::kWarning: return spdlog::level::warn;
    case Level::kError: return spdlog::level::err;
  }
  return spdlog::level::info;
}

constexpr std::pair<Level, std::string_view> kWords[] = {{Level::kDebug, "debug"},
                                                         {Level::kInfo, "info"},
                                                         {Level::kWarning, "warning"},
                                                         {Level::kError, "error"}};

metrics::Counter& lines_of(Level level) {
  static const std::array<metrics::Counter*, std::size(kWords)> counters = [] {
    std::array<metrics::Counter*, std::size(kWords)> made{};
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = &g_lines.with({kWords[i].second});
    return made;
  }();
  return *counters[static_cast<std::size_t>(level)];
}

}  // namespace

Field::Field(std::string_view name, std::string_view value)
    : key(name), text(escape_for_log(value, kFieldLimit)) {
  if (text.empty() || text.find_first_of(" =\\") != std::string::npos) text = '"' + text + '"';
}

void start(std::string_view role, Level least) {
  named_logger() = logger().clone(std::string(role));
  named_logger()->set_level(to_spdlog(least));
}

void set_level(Level least) {
  (named_logger() ? *named_logger() : logger()).set_level(to_spdlog(least));
}

void redirect(std::function<void(std::string_view line)> take) {
  line_sink()->redirect(std::move(take));
}

std::string_view to_string(Level level) { return kWords[static_cast<std::size_t>(level)].second; }

std::optional<Level> level_of(std::string_view word) {
  for (const auto& [level, known] : kWords) {
    if (known == word) return level;
  }
  return std::nullopt;
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  spdlog::logger& out = named_logger() ? *named_logger() : logger();
  if (!out.should_log(to_spdlog(level))) return;
  lines_of(level).add();
  std::string line(event);
  for (const Field& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    line += field.text;
  }
  out.log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace log
}  // namespace hauspost
