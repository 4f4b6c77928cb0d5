#include "protocols/imap/fetch_output.h"

namespace hauspost::imap {

void FetchOutput::add_view(std::string_view bytes,
                           const std::shared_ptr<const store::SegmentMap>& owner) {
  if (bytes.size() < kViewBytesMin) {
    text_ += bytes;
    return;
  }
  views_.push_back({text_.size(), bytes, owner});
  view_bytes_ += bytes.size();
}

std::vector<std::string_view> FetchOutput::parts() const {
  std::vector<std::string_view> parts;
  parts.reserve(2 * views_.size() + 1);
  const std::string_view text = text_;
  std::size_t at = 0;
  for (const View& view : views_) {
    if (view.behind > at) parts.push_back(text.substr(at, view.behind - at));
    at = view.behind;
    parts.push_back(view.bytes);
  }
  if (at < text.size()) parts.push_back(text.substr(at));
  return parts;
}

void FetchOutput::clear() {
  text_.clear();
  views_.clear();
  view_bytes_ = 0;
}

void FetchOutput::release() {
  std::string().swap(text_);  // assigning a short string would keep the memory
  std::vector<View>().swap(views_);
}

void FetchOutput::rewind(Mark mark) {
  text_.resize(mark.text);
  while (views_.size() > mark.views) {
    view_bytes_ -= views_.back().bytes.size();
    views_.pop_back();
  }
}

}  // namespace hauspost::imap
