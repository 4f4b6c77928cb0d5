// ReplyWriter: the one object that writes to a client. Replies gather here and leave together;
// bodies leave as views of the store's memory.
#pragma once

#include <string>
#include <string_view>

#include "base/stream.h"
#include "protocols/imap/fetch_output.h"
#include "protocols/imap/reply.h"

namespace hauspost::imap {

class ReplyWriter {
 public:
  // From here on a handler flushes before it writes more: no client makes us gather.
  static constexpr std::size_t kFlushBytes = 64 * 1024;

  explicit ReplyWriter(Stream& stream) : stream_(stream) {}

  FetchOutput& output() { return output_; }
  std::string& text() { return output_.text(); }
  // "* line" CRLF.
  void untagged(std::string_view line);
  void tagged(std::string_view tag, const Reply& reply);

  bool full() const { return output_.bytes() >= kFlushBytes; }
  // Waits until the client's side took everything. An error is final.
  Task<Result<>> flush();
  // Who waits holds no buffer: nothing but what is still to be flushed.
  void release_buffer() {
    if (output_.empty()) output_.release();
  }
  std::uint64_t bytes_written() const { return bytes_written_; }

 private:
  Stream& stream_;
  FetchOutput output_;
  std::uint64_t bytes_written_ = 0;
};

}  // namespace hauspost::imap
