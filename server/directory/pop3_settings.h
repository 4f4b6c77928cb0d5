// What an administrator sets for POP3 as a whole: free settings of the directory with a meaning.
// Front-end and store workers ask at each new session.
#pragma once

#include <cstdint>

#include "server/directory/directory.h"

namespace hauspost::directory {

class DirectoryWriter;

struct Pop3Settings {
  bool newest_first = false;  // message 1 is the latest
  std::uint32_t sessions_per_account_max = 16;
  std::uint32_t login_s = 60;          // from connecting to login
  std::uint32_t idle_s = 1800;         // without a command
  std::uint32_t line_bytes_max = 512;  // of a command with its CRLF
};

// What a value may be.
struct Pop3Range {
  std::uint32_t least = 0;
  std::uint32_t most = 0;
};
inline constexpr Pop3Range kPop3SessionsRange{1, 10'000};
inline constexpr Pop3Range kPop3LoginRange{10, 3'600};
inline constexpr Pop3Range kPop3IdleRange{30, 3'600};
inline constexpr Pop3Range kPop3LineRange{40, 1'024};

// What was never set, and what is out of its range, has its default.
Result<Pop3Settings> pop3_settings(const DirectoryReader& reader);
// kInvalid: out of range; nothing was written.
Result<> check(const Pop3Settings& settings);
// As check(); a failure of the disk may leave a part written.
Result<> set_pop3_settings(DirectoryWriter& writer, const Pop3Settings& settings);

}  // namespace hauspost::directory
