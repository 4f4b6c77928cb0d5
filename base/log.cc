#include "base/log.h"

#include <unistd.h>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

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

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("hauspost",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
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

}  // namespace

Field::Field(std::string_view name, std::string_view value)
    : key(name), text(escape_for_log(value, kFieldLimit)) {
  if (text.empty() || text.find_first_of(" =\\") != std::string::npos) text = '"' + text + '"';
}

void start(std::string_view role, Level least) {
  named_logger() = logger().clone(std::string(role));
  named_logger()->set_level(to_spdlog(least));
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  spdlog::logger& out = named_logger() ? *named_logger() : logger();
  if (!out.should_log(to_spdlog(level))) return;
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
