// Limits of the SMTP grammar (RFC 5321 section 4.5.3 sets the least a server must take).
#pragma once

#include <cstddef>

namespace hauspost::smtp {

// Octets of a line including CRLF. Longer: 500 5.5.2.
inline constexpr std::size_t kCommandLineMax = 2048;
inline constexpr std::size_t kAuthLineMax = 12'288;  // RFC 4954 section 4
// Octets without any LF: the peer does not speak SMTP. 421.
inline constexpr std::size_t kLineFloodMax = 64 * 1024;

inline constexpr std::size_t kLocalPartMax = 64;
inline constexpr std::size_t kDomainMax = 255;
inline constexpr std::size_t kLabelMax = 63;
inline constexpr std::size_t kPathMax = 256;   // with the angle brackets, without a source route
inline constexpr std::size_t kEnvidMax = 100;  // RFC 3461 section 4.4, decoded
inline constexpr std::size_t kOrcptMax = 500;  // RFC 3461 section 4.2

// Octets of one line in DATA or BDAT, without its CRLF. Longer: 554 5.6.0.
inline constexpr std::size_t kTextLineMax = 1024 * 1024;

}  // namespace hauspost::smtp
