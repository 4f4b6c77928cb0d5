// The first words of a message as plain text (RFC 8970).
#pragma once

#include <string>
#include <string_view>

namespace hauspost::mime {

inline constexpr std::size_t kPreviewCharactersMax = 200;  // RFC 8970 section 3.3

// One line of UTF-8 from the first part that is text and no attachment, markup and quoted lines
// left out; empty when there is no such text, as in an encrypted message.
std::string make_preview(std::string_view message);

}  // namespace hauspost::mime
