// Randomness of the operating system; safe in any thread, never fails.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace hauspost {

void random_bytes(std::span<std::uint8_t> into);
std::uint64_t random_u64();
// A password of `length` characters from an alphabet without look-alikes (about 5.7 bits each).
std::string random_password(std::size_t length);

}  // namespace hauspost
