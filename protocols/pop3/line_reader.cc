#include "protocols/pop3/line_reader.h"

#include <string.h>

namespace hauspost::pop3 {

void LineReader::start_line() {
  ::explicit_bzero(line_.data(), line_.size());
  line_.clear();
  seen_ = 0;
  finished_ = false;
}

LineReader::Step LineReader::feed(std::string_view bytes) {
  if (finished_) start_line();
  bytes = bytes.substr(0, kLineFloodMax - seen_);
  const std::size_t end = bytes.find('\n');
  const bool whole = end != std::string_view::npos;
  if (whole) bytes = bytes.substr(0, end + 1);
  seen_ += bytes.size();
  if (seen_ <= line_bytes_max_) {
    line_.reserve(line_bytes_max_);  // growing in steps would leave copies behind
    line_ += bytes;
  }
  if (whole) return {finish_line(), bytes.size()};
  finished_ = seen_ == kLineFloodMax;
  return {finished_ ? Event::kFlood : Event::kNeedMore, bytes.size()};
}

LineReader::Event LineReader::finish_line() {
  finished_ = true;
  if (seen_ > line_bytes_max_) return Event::kTooLong;
  if (line_.size() < 2 || line_.find('\r') != line_.size() - 2) return Event::kLineEnd;
  line_.resize(line_.size() - 2);
  return Event::kLine;
}

}  // namespace hauspost::pop3
