// Verifiers: argon2id strings that show whether a password is right and nothing else.
#pragma once

#include <cstdint>
#include <string>

#include "base/log.h"
#include "base/result.h"

namespace hauspost::auth {

struct HashCost {
  std::uint64_t passes = 2;
  std::uint64_t memory_bytes = 19ULL << 20;
  bool operator==(const HashCost&) const = default;
};

// About 40 ms and memory_bytes each at the default cost; any thread.
// kExhausted: the memory is not there.
Result<std::string> make_verifier(const Secret& password, HashCost cost);
// False also for a verifier that is not one of make_verifier's.
bool matches(const std::string& verifier, const Secret& password);
// True when the verifier was made at another cost.
bool needs_rehash(const std::string& verifier, HashCost cost);

}  // namespace hauspost::auth
