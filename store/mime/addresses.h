// Address lists (RFC 5322 section 3.4, with section 4.4's routes), read leniently: what is no
// address becomes one with an empty domain rather than being lost.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hauspost::mime {

struct Address {
  enum class Kind : std::uint8_t { kMailbox, kGroupStart, kGroupEnd };
  Kind kind = Kind::kMailbox;
  std::string name;    // display name or the comment standing in for it; the name of a group
  std::string route;   // "@a,@b" of an obsolete route
  std::string local;   // without quoting
  std::string domain;  // empty when there was none
};

// At most `max` entries. Every group that starts also ends.
std::vector<Address> parse_addresses(std::string_view raw, std::size_t max);

}  // namespace hauspost::mime
