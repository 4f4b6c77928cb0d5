// Sizes and times as people write them on a command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hauspost::cli {

// "1000", "512K", "36M", "2G", "1T" (powers of 1024, a B or iB behind the letter is allowed).
// nullopt: anything else, or too big.
std::optional<std::uint64_t> parse_size(std::string_view text);
// "90" (seconds), "30m", "12h", "14d", "2w".
std::optional<std::int64_t> parse_duration(std::string_view text);
// A moment: Unix seconds, "2013-11-21", "2013-11-21 19:14" (local time), or a duration ago: "3d".
std::optional<std::int64_t> parse_moment(std::string_view text, std::int64_t now_s);

// "1 message", "2 messages".
std::string messages_text(std::uint64_t messages);
// The shortest exact form that parse_duration reads: "14d", "90s", "0".
std::string duration_text(std::int64_t seconds);

}  // namespace hauspost::cli
