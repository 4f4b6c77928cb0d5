// LineInput: the buffered reading side of a session. The only part of this room that awaits.
#pragma once

#include <memory>
#include <string>

#include "base/stream.h"
#include "protocols/smtp/line.h"

namespace hauspost::smtp {

// REQUIRES: the thread of the stream, which must outlive this object; one call at a time.
// Errors are the stream's; the peer's end is kUnavailable "connection closed".
class LineInput {
 public:
  explicit LineInput(Stream& stream) : stream_(stream) {}

  // The next line, or why it is refused (never kNeedMore). `line` is valid until the next call.
  Task<Result<LineScan>> read_line(std::size_t line_max = kCommandLineMax);
  // True when read_line would answer without reading: replies may wait for company until it is
  // false.
  bool has_line() const;

  // At least one octet of what comes next, as a view valid until consume(). For message contents.
  Task<Result<std::string_view>> peek();
  // REQUIRES: at most what peek() showed.
  void consume(std::size_t count);

  // Octets that were read but not used: what a client has pipelined.
  std::string_view rest() const { return {buffer_.get() + begin_, end_ - begin_}; }
  std::string take_rest();

 private:
  Task<Result<>> fill(std::size_t capacity);

  Stream& stream_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace hauspost::smtp
