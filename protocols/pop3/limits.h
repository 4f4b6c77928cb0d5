// What bounds a POP3 client.
#pragma once

#include <chrono>
#include <cstddef>

namespace hauspost::pop3 {

// Octets without a line end after which a client is no client.
inline constexpr std::size_t kLineFloodMax = 64 * 1024;

struct Limits {
  std::size_t line_bytes_max = 512;   // one command with its CRLF; RFC 2449 section 4 asks for 255
  std::size_t bad_commands_max = 20;  // then the end
  std::chrono::steady_clock::duration autologout = std::chrono::minutes(30);     // RFC 1939: >= 10
  std::chrono::steady_clock::duration write_progress = std::chrono::minutes(5);  // then it is gone
};

}  // namespace hauspost::pop3
