#include "base/log_line.h"

#include "base/log.h"
#include "base/text.h"

namespace hauspost::log {

namespace {

constexpr std::size_t kTimeLength = 29;  // with milliseconds and zone
constexpr std::string_view kPid = " pid=";

// Takes everything before `end` off the front of `rest`, and `end` too.
std::optional<std::string_view> take_until(std::string_view& rest, std::string_view end) {
  const std::size_t at = rest.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view taken = rest.substr(0, at);
  rest.remove_prefix(at + end.size());
  return taken;
}

// The rest of the line when no space follows.
std::string_view take_word(std::string_view& rest) {
  if (const auto word = take_until(rest, " ")) return *word;
  return std::exchange(rest, {});
}

bool take_field(std::string_view& rest, Line& line) {
  const auto key = take_until(rest, "=");
  if (!key || key->empty()) return false;
  if (!rest.starts_with('"')) {
    line.fields.emplace_back(*key, take_word(rest));
    return true;
  }
  rest.remove_prefix(1);
  const auto value = take_until(rest, "\"");
  if (!value) return false;
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  line.fields.emplace_back(*key, *value);
  return true;
}

}  // namespace

std::optional<Line> parse_line(std::string_view text) {
  Line line;
  std::string_view rest = text;
  line.time = take_word(rest);
  if (line.time.size() != kTimeLength || line.time[10] != 'T') return std::nullopt;
  line.level = take_word(rest);
  if (!level_of(line.level)) return std::nullopt;
  const auto role = take_until(rest, kPid);
  if (!role || role->empty()) return std::nullopt;
  line.role = *role;
  line.pid = take_word(rest);
  if (!parse_u64(line.pid)) return std::nullopt;
  line.event = take_word(rest);
  if (line.event.empty()) return std::nullopt;
  // A line that was cut at its length may end in half a field.
  while (!rest.empty() && take_field(rest, line)) {
  }
  return line;
}

}  // namespace hauspost::log
