// FetchOutput: untagged data on its way to a client, in order: text of our own and views of message
// bodies that are never copied. What a view points into is kept alive here.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/snapshot.h"

namespace hauspost::imap {

class FetchOutput {
 public:
  // Shorter views are copied: a part of its own costs the write more than the bytes do.
  static constexpr std::size_t kViewBytesMin = 8 * 1024;

  // Append here; do not shorten what a view already stands behind.
  std::string& text() { return text_; }
  // Appends `bytes`, which lie in `owner`.
  void add_view(std::string_view bytes, const std::shared_ptr<const store::SegmentMap>& owner);

  std::size_t bytes() const { return text_.size() + view_bytes_; }
  bool empty() const { return bytes() == 0; }
  // Everything in order, for Stream::write; valid until the output is changed.
  std::vector<std::string_view> parts() const;
  void clear();
  // Gives back what it keeps for what may come. REQUIRES: empty().
  void release();

  // Takes back what was appended since `mark()`.
  struct Mark {
    std::size_t text = 0;
    std::size_t views = 0;
  };
  Mark mark() const { return {text_.size(), views_.size()}; }
  void rewind(Mark mark);

 private:
  struct View {
    std::size_t behind = 0;  // bytes of text_ before it
    std::string_view bytes;
    std::shared_ptr<const store::SegmentMap> owner;  // shared with the snapshot's Body
  };
  std::string text_;
  std::vector<View> views_;
  std::size_t view_bytes_ = 0;
};

}  // namespace hauspost::imap
