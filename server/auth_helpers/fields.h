// What our processes and their helper programs say to each other: one message each way at a time, a
// set of named fields. Standard library only, for a helper links what clashes with the rest.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace hauspost::helpers {

using Fields = std::map<std::string, std::string, std::less<>>;

inline constexpr std::size_t kMessageMax = 512 * 1024;  // octets behind the length
inline constexpr int kSocket = 3;                       // the helper's descriptor to who started it

// A u32 of length (little-endian), then name and value in turn, each a u32 of length and octets.
std::string encode(const Fields& fields);
// `message` without its length; nullopt: malformed.
std::optional<Fields> decode(std::string_view message);

// The value, or nothing.
std::string_view field(const Fields& fields, std::string_view name);
bool flag(const Fields& fields, std::string_view name);
// Decimal digits; 0 when there are none.
long number(const Fields& fields, std::string_view name);

// Fields of every answer: "outcome" is one of these, "reason" a text for the log.
inline constexpr std::string_view kOutcome = "outcome";
inline constexpr std::string_view kReason = "reason";
inline constexpr std::string_view kGood = "good";
inline constexpr std::string_view kBad = "bad";  // the password is wrong, or no such user
inline constexpr std::string_view kUnavailable = "unavailable";  // nobody can say now

}  // namespace hauspost::helpers
