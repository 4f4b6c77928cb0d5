// ClientInput: the bytes a client sent, cut into commands as they are asked for.
#pragma once

#include <memory>

#include "base/stream.h"
#include "protocols/imap/command_reader.h"

namespace hauspost::imap {

// An idle session holds no buffer.
class ClientInput {
 public:
  static constexpr std::size_t kBufferBytes = 32 * 1024;

  ClientInput(Stream& stream, const Limits& limits) : stream_(stream), reader_(limits) {}

  // The next event among the bytes at hand; kNeedMore when they are used up.
  CommandReader::Event next();
  CommandReader& reader() { return reader_; }
  bool has_bytes() const { return begin_ < end_; }
  // REQUIRES: !has_bytes(). Reads what came; false when the client ended its side.
  Task<Result<bool>> fill();
  void release_buffer() { buffer_.reset(); }

 private:
  Stream& stream_;
  CommandReader reader_;
  std::unique_ptr<char[]> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace hauspost::imap
