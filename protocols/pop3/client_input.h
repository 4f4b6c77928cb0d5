// ClientInput: the bytes a client sent, cut into lines as they are asked for.
#pragma once

#include <memory>

#include "base/stream.h"
#include "protocols/pop3/line_reader.h"

namespace hauspost::pop3 {

// An idle session holds no buffer.
class ClientInput {
 public:
  static constexpr std::size_t kBufferBytes = 4 * 1024;

  ClientInput(Stream& stream, const Limits& limits)
      : stream_(stream), reader_(limits.line_bytes_max) {}

  // The next event among the bytes at hand; kNeedMore when they are used up.
  LineReader::Event next();
  // REQUIRES: next() was kLine. Valid until next() is called again.
  std::string_view line() const { return reader_.line(); }
  // REQUIRES: next() was kNeedMore. Reads what came; false when the client ended its side.
  Task<Result<bool>> fill();
  void release_buffer() { buffer_.reset(); }

 private:
  Stream& stream_;
  LineReader reader_;
  std::unique_ptr<char[]> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace hauspost::pop3
