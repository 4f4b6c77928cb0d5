// BODY=BINARYMIME (RFC 3030): what came in octets is kept as lines, for mailboxes and most other
// servers take nothing else.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "protocols/smtp/reply.h"

namespace hauspost::transport {

// The message with every binary part encoded; the message itself when nothing in it is binary. The
// reply refuses it: 550 5.6.0 where bare line ends or NUL stand in a header or between parts, 554
// 5.6.3 where a part must not be encoded, because it is signed for instance.
std::expected<std::string, smtp::Reply> without_binary(std::string message);

}  // namespace hauspost::transport
