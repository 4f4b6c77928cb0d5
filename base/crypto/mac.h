// Keyed hashes and what is made of them: HMAC (RFC 2104), PBKDF2 (RFC 8018 section 5.2). Any
// thread; nothing fails.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hauspost::crypto {

enum class Digest : std::uint8_t { kSha1, kSha256 };

std::size_t digest_bytes(Digest digest);
std::string hash(Digest digest, std::string_view bytes);
std::string hmac(Digest digest, std::string_view key, std::string_view bytes);
// One block: as many octets as the digest has. REQUIRES: iterations > 0.
std::string pbkdf2(Digest digest, std::string_view password, std::string_view salt,
                   std::uint32_t iterations);
// In time that depends on the lengths alone.
bool equal(std::string_view a, std::string_view b);
// REQUIRES: equal lengths.
std::string exclusive_or(std::string_view a, std::string_view b);

}  // namespace hauspost::crypto
