// What bounds an IMAP client. Parsers and sessions take these as a value.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hauspost::imap {

struct Limits {
  std::size_t line_bytes_max = 64 * 1024;         // text of one command, literals not counted
  std::size_t literal_bytes_max = 64 * 1024;      // one literal that is no message
  std::size_t command_bytes_max = 256 * 1024;     // all such literals of one command
  std::uint64_t message_bytes_max = 50ULL << 20;  // one APPEND literal
  // One literal that its client does not wait to be asked for (RFC 7888): less where LITERAL- is
  // offered, and nothing where neither is.
  std::uint64_t unasked_bytes_max = UINT64_MAX;
  // Of one command: such literals over a limit are passed over up to this much, then BYE.
  std::uint64_t passed_over_bytes_max = 256ULL << 20;
  std::uint64_t append_bytes_max = 128ULL << 20;  // all messages of one APPEND
  std::size_t append_messages_max = 1000;         // of one APPEND
  std::size_t catenate_urls_max = 100;            // of one APPEND or REPLACE
  std::size_t nesting_max = 100;                  // parentheses, NOT and OR of SEARCH
  std::size_t search_keys_max = 2000;
  std::size_t set_ranges_max = 20'000;          // elements of one sequence set
  std::size_t list_elements_max = 1000;         // flags, fetch items, header fields, patterns
  std::uint64_t command_messages_max = 0;       // of one command (RFC 9738); 0: no limit
  std::size_t thread_bytes_max = 256ULL << 20;  // what one THREAD keeps in memory
  std::size_t bad_commands_max = 20;            // then BYE
  std::chrono::steady_clock::duration autologout = std::chrono::minutes(30);
  std::chrono::steady_clock::duration write_progress = std::chrono::minutes(5);
};

// Before login the front-end asks for less.
constexpr Limits limits_before_login() {
  Limits limits;
  limits.line_bytes_max = 8 * 1024;
  limits.literal_bytes_max = 4 * 1024;
  limits.command_bytes_max = 8 * 1024;
  limits.message_bytes_max = 0;
  limits.append_bytes_max = 0;
  limits.passed_over_bytes_max = 0;
  limits.bad_commands_max = 3;
  return limits;
}

}  // namespace hauspost::imap
