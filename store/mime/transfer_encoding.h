// Content transfer encodings undone (RFC 2045 section 6), leniently: stray bytes are passed over.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hauspost::mime {

std::string decode_base64(std::string_view text);
std::string decode_quoted_printable(std::string_view text);

enum class TransferEncoding { kIdentity, kBase64, kQuotedPrintable, kUnknown };
TransferEncoding transfer_encoding_of(std::string_view token);

// The value of a hexadecimal digit, either case; -1 for anything else.
int hex_digit(char c);

}  // namespace hauspost::mime
