// What an administrator sets for passwords as a whole: free settings of the directory with a
// meaning. hauspost-auth and the front-end ask at each login, so that a change holds at once.
#pragma once

#include <cstdint>

#include "server/directory/directory.h"

namespace hauspost::directory {

class DirectoryWriter;

struct AuthSettings {
  std::uint64_t hash_memory_bytes = 19ULL << 20;  // argon2id, of one password
  std::uint64_t hash_passes = 2;
  bool scram_sha_256 = true;
  bool scram_sha_1 = false;  // for clients that know nothing better
  std::uint64_t scram_iterations = 16'384;
  std::uint64_t cache_s = 600;  // a good login is remembered so long; 0: not at all
  bool operator==(const AuthSettings&) const = default;

  bool scram() const { return scram_sha_256 || scram_sha_1; }
};

// What a value may be.
struct AuthRange {
  std::uint64_t least = 0;
  std::uint64_t most = 0;
};
inline constexpr AuthRange kHashMemoryRange{8ULL << 20, 1ULL << 30};
inline constexpr AuthRange kHashPassesRange{1, 20};
inline constexpr AuthRange kScramIterationsRange{4'096, 1'000'000};  // RFC 7677 section 4
inline constexpr AuthRange kLoginCacheRange{0, 3'600};

// What was never set, and what is out of its range, has its default.
Result<AuthSettings> auth_settings(const DirectoryReader& reader);
// kInvalid: out of range; nothing was written.
Result<> check(const AuthSettings& settings);
// As check(); a failure of the disk may leave a part written.
Result<> set_auth_settings(DirectoryWriter& writer, const AuthSettings& settings);

}  // namespace hauspost::directory
