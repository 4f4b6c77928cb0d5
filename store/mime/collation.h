// i;unicode-casemap (RFC 5051): how IMAP compares and orders text for people.
#pragma once

#include <string>
#include <string_view>

namespace hauspost::mime {

// Texts are equal by the collation when these are, and come in the order of these as bytes. Bytes
// that are no UTF-8 become U+FFFD.
std::string casemap(std::string_view utf8);

}  // namespace hauspost::mime
