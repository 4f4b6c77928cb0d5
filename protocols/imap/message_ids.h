// Message-IDs as THREAD=REFERENCES compares them (RFC 5256 section 3).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hauspost::imap {

inline constexpr std::size_t kMessageIdBytesMax = 998;  // a line's length (RFC 5322 section 2.1.1)

// Every "<left@right>" in a field's value, in order and without the angle brackets; a quoted left
// side is unquoted. What is no Message-ID, or longer than one can be, is passed over.
std::vector<std::string> message_ids(std::string_view value, std::size_t most);

}  // namespace hauspost::imap
