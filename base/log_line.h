// A log line, taken apart again: what base/log.h wrote.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hauspost::log {

// All parts lie in the text that was parsed.
struct Line {
  std::string_view time;   // "2013-11-21T19:14:00.123+01:00"
  std::string_view level;  // "info"
  std::string_view role;   // "store DB1"
  std::string_view pid;
  std::string_view event;  // "session.accepted"
  // Values without their quotes; \xNN stands for what cannot be printed.
  std::vector<std::pair<std::string_view, std::string_view>> fields;
};

// Pure. `text` without its line end. nullopt: something else, for instance the last words of a
// library.
std::optional<Line> parse_line(std::string_view text);

}  // namespace hauspost::log
