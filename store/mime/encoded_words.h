// Encoded words (RFC 2047). Neighbours of one charset are joined before conversion, since mailers
// cut characters in two.
#pragma once

#include <string>
#include <string_view>

namespace hauspost::mime {

// `unfolded` as UTF-8. What is no encoded word is taken as UTF-8 when valid, else windows-1252.
std::string decode_encoded_words(std::string_view unfolded);

}  // namespace hauspost::mime
