#include "server/transfer/item.h"

#include <algorithm>

#include "store/mime/message.h"

namespace hauspost::transfer {

std::string with_crlf(std::string text) {
  const std::size_t first = text.find('\n');
  if (first == std::string::npos || (first > 0 && text[first - 1] == '\r')) return text;
  std::string out;
  out.reserve(text.size() + static_cast<std::size_t>(std::ranges::count(text, '\n')));
  std::size_t from = 0;
  for (std::size_t end = first; end != std::string::npos; end = text.find('\n', from)) {
    out.append(text, from, end - from);
    out += end > 0 && text[end - 1] == '\r' ? "\n" : "\r\n";
    from = end + 1;
  }
  return out.append(text, from);
}

std::int64_t date_of_header(std::string_view body) {
  const std::string_view header = body.substr(0, std::min<std::size_t>(body.size(), 64 * 1024));
  for (const std::string& received : mime::header_fields(header, "Received")) {
    const std::size_t semicolon = received.rfind(';');
    if (semicolon == std::string::npos) continue;
    if (const auto date = mime::parse_date_header(std::string_view(received).substr(semicolon + 1)))
      return date->unix_s;
  }
  for (const std::string& written : mime::header_fields(header, "Date")) {
    if (const auto date = mime::parse_date_header(written)) return date->unix_s;
  }
  return 0;
}

}  // namespace hauspost::transfer
