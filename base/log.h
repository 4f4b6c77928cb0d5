// Log lines are events: a stable dotted name, then key=value. One line each on standard error,
// which the supervisor collects. A pipe that is full makes nobody wait: the line is dropped and
// counted. Peer bytes are escaped here, once; secrets have a type that prints ***.
#pragma once

#include <concepts>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hauspost {

// Holds a password or key. Printing, logging and formatting show ***.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { wipe(); }

  std::string_view reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

 private:
  void wipe() noexcept;  // zeroes every byte the string owns, small-string space included
  std::string value_;
};

namespace log {

enum class Level { kDebug, kInfo, kWarning, kError };

struct Field {
  Field(std::string_view name, std::string_view value);  // escaped and quoted where needed
  Field(std::string_view name, const char* value) : Field(name, std::string_view(value)) {}
  Field(std::string_view name, const std::string& value) : Field(name, std::string_view(value)) {}
  Field(std::string_view name, const Secret&) : key(name), text("***") {}
  Field(std::string_view name, const Error& error) : Field(name, std::string_view(error.text)) {}
  Field(std::string_view name, bool value) : key(name), text(value ? "true" : "false") {}
  template <class Number>
    requires(std::integral<Number> && !std::same_as<Number, bool>) || std::floating_point<Number>
  Field(std::string_view name, Number value) : key(name), text(std::to_string(value)) {}

  std::string_view key;
  std::string text;
};

// `role` names the process in every line ("store DB1"). Call once at start, before other threads.
void start(std::string_view role, Level least = Level::kInfo);
// From now on only lines of at least that level. Thread-safe.
void set_level(Level least);
// From now on every line, with its end, goes to `take` and not to standard error; empty: back
// again. One call at a time, on the thread that logs.
void redirect(std::function<void(std::string_view line)> take);

// "debug", "info", "warning", "error".
std::string_view to_string(Level level);
std::optional<Level> level_of(std::string_view word);

void write(Level level, std::string_view event, std::initializer_list<Field> fields);

inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::kDebug, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::kInfo, event, fields);
}
inline void warning(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::kWarning, event, fields);
}
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::kError, event, fields);
}

}  // namespace log
}  // namespace hauspost
