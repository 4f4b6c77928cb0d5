// Values of a report's machine-readable fields, safe whatever a client or remote host gave.
#pragma once

#include <string>
#include <string_view>

namespace hauspost::transport {

// "rfc822; bob@example.org". An address beyond ASCII is "utf-8; ..." (RFC 6533 section 3): as it is
// when `global`, with \x{...} otherwise. Empty: the address holds what no field may.
std::string address_value(std::string_view address, bool global);

// The value of Original-Recipient for an ORCPT parameter as it was written. Empty: it is none.
std::string orcpt_value(std::string_view orcpt, bool global);

// One line of printable text: controls become spaces, runs of spaces one; octets beyond ASCII
// become
// '?' unless `global` and the text is UTF-8. Longer text is cut.
std::string line_text(std::string_view text, bool global, std::size_t bytes_max = 1000);

// "Name: value CRLF", folded at spaces before column 78. An empty value leaves no field.
void append_field(std::string& out, std::string_view name, std::string_view value);

bool is_ascii(std::string_view text);

}  // namespace hauspost::transport
