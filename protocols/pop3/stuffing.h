// How a message goes onto the wire: as it is, with a second dot before each line that begins with
// one (RFC 1939 section 3). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hauspost::pop3 {

// The octets at the start of `message` that TOP sends: the header, the empty line and `lines` lines
// of the body.
std::size_t top_bytes(std::string_view message, std::uint32_t lines);

// A message in runs between which dots are put. A line ends with LF here: a dot behind a bare LF is
// doubled too, for most clients take it for the beginning of a line.
class Stuffing {
 public:
  // A run is never longer: looking for dots must not hold up others.
  static constexpr std::size_t kRunBytesMax = 256 * 1024;

  explicit Stuffing(std::string_view message) : rest_(message) {}

  struct Run {
    bool dot = false;  // write a dot before it
    std::string_view bytes;
  };
  // nullopt at the end.
  std::optional<Run> next();

 private:
  std::string_view rest_;
  bool at_line_start_ = true;
};

}  // namespace hauspost::pop3
