// The rules that names in the directory obey. Pure functions; refusals are one line for people.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace hauspost::directory {

inline constexpr std::size_t kDatabaseNameMax = 64;  // characters
inline constexpr std::size_t kLocalPartMax = 64;     // octets, RFC 5321 section 4.5.3.1.1
inline constexpr std::size_t kDomainMax = 253;       // octets without the root dot, RFC 1035
inline constexpr std::size_t kDisplayNameMax = 256;  // octets
inline constexpr std::size_t kAliasesMax = 100;      // a mailbox

// ASCII letters, digits, space, '-', '_' and '.'; begins with a letter or digit, does not end in a
// space or dot: the name is also a folder's name.
Result<> check_database_name(std::string_view name);

// The domain in the form it is stored and compared in: lower case, A-labels (RFC 5890), no dot at
// the end. kInvalid when it is not a host name of RFC 1123 section 2.1 after that.
Result<std::string> canonical_domain(std::string_view domain);

struct Address {
  std::string local;   // as given
  std::string domain;  // canonical
  std::string text() const { return local + "@" + domain; }
  std::string key() const;  // what addresses compare by: lower case
};
// For what an administrator types: dot-atom (RFC 5321 section 4.1.2, with RFC 6531's UTF-8) @
// domain.
Result<Address> parse_address(std::string_view text);
// For look-ups: any local part, also one that an administrator could not have typed.
Result<Address> split_address(std::string_view text);

// UTF-8 without controls.
Result<> check_display_name(std::string_view name);

}  // namespace hauspost::directory
