// LineReader: a client's bytes cut into lines. Pure: the events depend on the bytes only, never on
// how they were cut into reads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocols/pop3/limits.h"

namespace hauspost::pop3 {

// What it held is wiped: a line may be a password.
class LineReader {
 public:
  enum class Event : std::uint8_t {
    kNeedMore,
    kLine,     // line() is whole
    kTooLong,  // longer than the limit; the whole line was consumed
    kLineEnd,  // ended by a bare LF, or holds a bare CR
    kFlood,    // kLineFloodMax octets without a LF: end the session
  };
  struct Step {
    Event event = Event::kNeedMore;
    std::size_t consumed = 0;  // octets of the input
  };

  // `line_bytes_max` counts the CRLF.
  explicit LineReader(std::size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}
  ~LineReader() { start_line(); }
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  Step feed(std::string_view bytes);
  // Without its CRLF; valid until the next feed(). REQUIRES: the last event was kLine.
  std::string_view line() const { return line_; }
  // REQUIRES: no line has begun.
  void set_line_bytes_max(std::size_t count) { line_bytes_max_ = count; }

 private:
  void start_line();
  Event finish_line();

  std::size_t line_bytes_max_;
  std::string line_;       // at most line_bytes_max_
  std::size_t seen_ = 0;   // octets of this line, those that were not kept too
  bool finished_ = false;  // the next octet begins another line
};

}  // namespace hauspost::pop3
