// The lines that hold an mbox file together: separators and the fields that carry a message's
// state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/types.h"

namespace hauspost::transfer {

// "From someone Thu Nov 21 19:14:00 2013", with or without seconds, a sender and a zone (in UTC
// when none is a number), as RFC 4155 and the programs before it write it. nullopt: an ordinary
// line.
struct FromLine {
  std::int64_t date_s = 0;
};
std::optional<FromLine> parse_from_line(std::string_view line);
std::string from_line(std::string_view sender, std::int64_t date_s);  // without a line end

// mboxrd: ">From " with any number of ">" loses one.
bool is_quoted_from(std::string_view line);
bool needs_quoting(std::string_view line);  // "From " behind any number of ">"

// What our own files say of a message in front of its header, so that it comes back exactly.
struct StateLine {
  std::uint64_t size = 0;  // bytes of the message as it is stored
  bool raw = false;        // its lines stand as they are; else they end in LF for CRLF
  std::string folder;
};
inline constexpr std::string_view kStateField = "X-Hauspost";
std::string state_line(const StateLine& state);  // "X-Hauspost: ...", without a line end
std::optional<StateLine> parse_state_line(std::string_view value);

// Status, X-Status, X-Keywords, X-UID, X-IMAP, X-IMAPbase, X-Mozilla-Status, -Status2, -Keys.
struct MboxState {
  store::FlagBits flags = 0;
  std::vector<std::string> keywords;
  bool dropped = false;  // expunged in Thunderbird, the file not compacted yet
};
// False: not such a field. Adds to `state` what it says.
bool read_state_field(std::string_view name, std::string_view value, MboxState& state);
// The fields Status, X-Status and X-Keywords, each with a line end of LF.
std::string state_fields(store::FlagBits flags, const std::vector<std::string>& keywords);

// "%2F": bytes that could be taken for something else, controls and "%". decode: nullopt when not
// so written.
std::string percent_encode(std::string_view text, std::string_view also);
std::optional<std::string> percent_decode(std::string_view text);

}  // namespace hauspost::transfer
