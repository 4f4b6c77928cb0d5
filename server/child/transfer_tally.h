// What a transfer has counted, and how its step tells it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hauspost::transfer {

struct Tally {
  std::uint64_t messages = 0;  // copied
  std::uint64_t bytes = 0;     // of them
  std::uint64_t bad = 0;       // no message came of it
  std::uint64_t large = 0;     // above the server's limit
  std::uint64_t odd = 0;       // copied, and something about it was not as it should be
  std::uint64_t skipped = 0;   // excluded, or deleted in its own program
  std::uint64_t folders = 0;       // with something in them that was wanted
  std::uint64_t folders_made = 0;  // of an import
};

// "importing: messages=17 bytes=81920 bad=0 large=0 odd=0 skipped=2 folders=3 made=1"
std::string step_text(std::string_view verb, const Tally& tally);
// nullopt: not such a text.
std::optional<Tally> parse_step(std::string_view step);

}  // namespace hauspost::transfer
