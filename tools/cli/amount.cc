#include "tools/cli/amount.h"

#include <fmt/format.h>

#include <ctime>

#include "base/text.h"

namespace hauspost::cli {

namespace {

struct Unit {
  char letter;
  std::uint64_t factor;
};

// Digits and what stands behind them.
std::optional<std::pair<std::uint64_t, std::string_view>> split_number(std::string_view text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_u64(text.substr(0, end));
  if (!number) return std::nullopt;
  return std::pair(*number, text.substr(end));
}

std::optional<std::uint64_t> multiply(std::uint64_t number, std::uint64_t factor) {
  if (number > UINT64_MAX / factor) return std::nullopt;
  return number * factor;
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  constexpr Unit kUnits[] = {
      {'k', 1ULL << 10}, {'m', 1ULL << 20}, {'g', 1ULL << 30}, {'t', 1ULL << 40}};
  const auto split = split_number(text);
  if (!split) return std::nullopt;
  const std::string unit = ascii_lower(split->second);
  if (unit.empty() || unit == "b") return split->first;
  for (const Unit& known : kUnits) {
    if (unit[0] != known.letter) continue;
    const std::string rest = unit.substr(1);
    if (rest.empty() || rest == "b" || rest == "ib") return multiply(split->first, known.factor);
  }
  return std::nullopt;
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
  constexpr Unit kUnits[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86'400}, {'w', 604'800}};
  const auto split = split_number(text);
  if (!split || split->second.size() > 1) return std::nullopt;
  const char unit = split->second.empty() ? 's' : ascii_lower(split->second)[0];
  for (const Unit& known : kUnits) {
    if (unit != known.letter) continue;
    const auto seconds = multiply(split->first, known.factor);
    // A hundred years, so that no sum of times can overflow.
    if (!seconds || *seconds > 100ULL * 365 * 86'400) return std::nullopt;
    return static_cast<std::int64_t>(*seconds);
  }
  return std::nullopt;
}

std::optional<std::int64_t> parse_moment(std::string_view text, std::int64_t now_s) {
  const std::string copy(text);
  for (const char* format : {"%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* end = ::strptime(copy.c_str(), format, &parts);
    if (end == nullptr || *end != '\0') continue;
    parts.tm_isdst = -1;
    return std::mktime(&parts);
  }
  if (const auto plain = parse_u64(text);
      plain && *plain > 1'000'000'000ULL && *plain < (1ULL << 40))
    return static_cast<std::int64_t>(*plain);
  const auto ago = parse_duration(text);
  if (!ago) return std::nullopt;
  return now_s - *ago;
}

std::string messages_text(std::uint64_t messages) {
  return messages == 1 ? "1 message" : fmt::format("{} messages", messages);
}

std::string duration_text(std::int64_t seconds) {
  if (seconds == 0) return "0";
  if (seconds % 86'400 == 0) return fmt::format("{}d", seconds / 86'400);
  if (seconds % 3600 == 0) return fmt::format("{}h", seconds / 3600);
  if (seconds % 60 == 0) return fmt::format("{}m", seconds / 60);
  return fmt::format("{}s", seconds);
}

}  // namespace hauspost::cli
