// The places of a message that a search can ask for. Stored: numbers are for ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace hauspost::store {

enum class SearchZone : std::uint8_t {
  kBody = 0,     // every text/* part, decoded
  kHeader = 1,   // every header field of every part as "Name: decoded value"
  kSubject = 2,  // values of the message's own fields, from here on
  kFrom = 3,
  kTo = 4,
  kCc = 5,
  kBcc = 6,
  kAddress = 7,  // Sender and Reply-To, as names and plain addresses
};
inline constexpr std::size_t kSearchZones = 8;

// Takes one text of a message, folded: a needle matches within one text, never across two.
using SearchTextSink = std::function<void(SearchZone zone, std::string_view folded)>;

// Gives all texts of a message to `sink`. False: the message has more than was given. Comes from
// whoever opens the index: the store parses no message.
using SearchExtract = std::function<bool(std::string_view message, const SearchTextSink& sink)>;

}  // namespace hauspost::store
