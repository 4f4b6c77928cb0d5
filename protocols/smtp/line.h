// One line of the SMTP dialogue out of a run of bytes.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocols/smtp/limits.h"

namespace hauspost::smtp {

enum class LineStatus : std::uint8_t {
  kNeedMore,
  kLine,
  kBareLineEnd,  // ended by a bare LF, or holds a bare CR: answer 500 5.5.2 and go on
  kTooLong,      // longer than line_max: answer 500 5.5.2 and go on
  kFlood,        // kLineFloodMax octets without a LF: answer 421 and close
};

struct LineScan {
  LineStatus status = LineStatus::kNeedMore;
  // A view into the input. Of kLine: without its CRLF; of kBareLineEnd and kTooLong: what stands
  // before the LF, to be looked at and never obeyed.
  std::string_view line;
  std::size_t consumed = 0;  // octets of the input that belong to this line; 0 for kNeedMore
};

// Takes the first line of `input`. `line_max` counts the CRLF. The answer depends on the bytes
// only, never on how they were cut into reads. `searched`: octets at the start of `input` that an
// earlier call with the same input found to hold no LF.
LineScan scan_line(std::string_view input, std::size_t line_max, std::size_t searched = 0);

}  // namespace hauspost::smtp
