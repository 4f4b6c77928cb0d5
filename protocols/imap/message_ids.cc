#include "protocols/imap/message_ids.h"

#include "store/mime/lexer.h"

namespace hauspost::imap {
namespace {

// Reads behind "<" up to its ">"; empty when this is no Message-ID. `at` moves behind what was
// read.
std::string one_id(std::string_view value, std::size_t& at) {
  std::string id;
  std::size_t sign = std::string::npos;  // of the "@" that parts left from right
  bool quoted = false;
  for (; at < value.size(); ++at) {
    char c = value[at];
    if (quoted && c == '\\' && at + 1 < value.size()) {
      c = value[++at];
    } else if (c == '"') {
      quoted = !quoted;
      continue;
    } else if (!quoted) {
      if (c == '>') {
        ++at;
        const bool whole = sign != std::string::npos && sign > 0 && sign + 1 < id.size();
        return whole ? id : std::string();
      }
      if (c == '<') return {};          // the one before was never closed
      if (mime::is_white(c)) continue;  // folded by a careless mailer
      if (c == '@') sign = id.size();
    }
    id += c;
  }
  return {};
}

}  // namespace

std::vector<std::string> message_ids(std::string_view value, std::size_t most) {
  std::vector<std::string> ids;
  std::size_t at = value.find('<');
  while (at != std::string_view::npos && ids.size() < most) {
    ++at;
    std::string id = one_id(value, at);
    if (!id.empty() && id.size() <= kMessageIdBytesMax) ids.push_back(std::move(id));
    at = value.find('<', at);
  }
  return ids;
}

}  // namespace hauspost::imap
