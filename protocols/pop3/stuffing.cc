#include "protocols/pop3/stuffing.h"

namespace hauspost::pop3 {

namespace {

// Octets up to and with the next LF; all when there is none.
std::size_t line_bytes(std::string_view text) {
  const std::size_t end = text.find('\n');
  return end == std::string_view::npos ? text.size() : end + 1;
}

}  // namespace

std::size_t top_bytes(std::string_view message, std::uint32_t lines) {
  std::size_t at = 0;
  bool in_header = true;
  while (at < message.size() && (in_header || lines > 0)) {
    const std::size_t count = line_bytes(message.substr(at));
    const std::string_view line = message.substr(at, count);
    at += count;
    if (in_header)
      in_header = line != "\r\n" && line != "\n";
    else
      --lines;
  }
  return at;
}

std::optional<Stuffing::Run> Stuffing::next() {
  if (rest_.empty()) return std::nullopt;
  const bool dot = at_line_start_ && rest_.front() == '.';
  const std::string_view window = rest_.substr(0, kRunBytesMax);
  std::size_t end = 0;
  do {
    end += line_bytes(window.substr(end));
  } while (end < window.size() && window[end] != '.');
  const Run run{dot, rest_.substr(0, end)};
  rest_.remove_prefix(end);
  at_line_start_ = run.bytes.back() == '\n';
  return run;
}

}  // namespace hauspost::pop3
