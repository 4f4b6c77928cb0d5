#include "protocols/pop3/reply_writer.h"

#include <fmt/format.h>

namespace hauspost::pop3 {

void ReplyWriter::ok(std::string_view words) {
  fmt::format_to(std::back_inserter(text_), "+OK {}\r\n", words);
}

void ReplyWriter::error(std::string_view code, std::string_view words) {
  if (code.empty()) {
    fmt::format_to(std::back_inserter(text_), "-ERR {}\r\n", words);
  } else {
    fmt::format_to(std::back_inserter(text_), "-ERR [{}] {}\r\n", code, words);
  }
}

void ReplyWriter::add_view(std::string_view bytes, const store::Body& body) {
  if (bytes.size() < kViewBytesMin) {
    text_ += bytes;
    return;
  }
  views_.push_back({text_.size(), bytes, body});
  view_bytes_ += bytes.size();
}

std::vector<std::string_view> ReplyWriter::parts() const {
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

Task<Result<>> ReplyWriter::flush() {
  if (text_.empty() && views_.empty()) co_return Result<>{};
  const std::vector<std::string_view> all = parts();
  CO_TRY(co_await stream_.write(all));
  text_.clear();
  views_.clear();
  view_bytes_ = 0;
  co_return Result<>{};
}

}  // namespace hauspost::pop3
