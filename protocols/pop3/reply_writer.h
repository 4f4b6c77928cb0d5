// ReplyWriter: the one object that writes to a client. Replies gather here and leave together;
// messages leave as views of the store's memory.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/stream.h"
#include "store/snapshot.h"

namespace hauspost::pop3 {

class ReplyWriter {
 public:
  // From here on a handler flushes before it writes more: no client makes us gather.
  static constexpr std::size_t kFlushBytes = 64 * 1024;
  // Shorter views are copied: a part of its own costs the write more than the octets do.
  static constexpr std::size_t kViewBytesMin = 8 * 1024;

  explicit ReplyWriter(Stream& stream) : stream_(stream) {}

  // Append here; do not shorten.
  std::string& text() { return text_; }
  void ok(std::string_view words);
  // `code` is a response code of RFC 2449 or RFC 3206 without its brackets; may be empty.
  void error(std::string_view code, std::string_view words);
  // Appends `bytes`, which lie in `body`, and keeps `body` until they have left.
  void add_view(std::string_view bytes, const store::Body& body);

  bool full() const { return text_.size() + view_bytes_ >= kFlushBytes; }
  // Waits until the client's side took everything. An error is final.
  Task<Result<>> flush();

 private:
  struct View {
    std::size_t behind = 0;  // octets of text_ before it
    std::string_view bytes;
    store::Body body;
  };
  std::vector<std::string_view> parts() const;

  Stream& stream_;
  std::string text_;
  std::vector<View> views_;
  std::size_t view_bytes_ = 0;
};

}  // namespace hauspost::pop3
