// The little JSON (RFC 8259) that logs are written in: one object of strings, whole numbers, true,
// false, null and lists of strings. Written and read here without a tree, for there are many lines.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hauspost::transport {

// With its quotes. Octets that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

struct FlatJson {
  std::vector<std::string> texts;  // a string alone, or those of a list
  bool is_list = false;
  std::uint64_t number = 0;  // true is 1
};

// Calls `member` for each; it returns false to give up. False: not such an object from end to end.
bool parse_flat_json(std::string_view text,
                     const std::function<bool(std::string_view name, FlatJson value)>& member);

}  // namespace hauspost::transport
