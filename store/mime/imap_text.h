// Strings as IMAP writes them (RFC 3501 section 4.3).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hauspost::mime {

// A quoted string when every byte is 7-bit and no line end, else a literal, which every client must
// take. NUL, which neither may hold, is left out.
void put_string(std::string& out, std::string_view text);
// NIL for nullopt.
void put_nstring(std::string& out, std::optional<std::string_view> text);

}  // namespace hauspost::mime
