#include "protocols/imap/uid_text.h"

#include <fmt/format.h>

namespace hauspost::imap {
namespace {

void append_range(std::string& out, store::UidRange range) {
  if (!out.empty()) out += ',';
  out += range.first == range.last ? fmt::format("{}", range.first)
                                   : fmt::format("{}:{}", range.first, range.last);
}

}  // namespace

std::string set_text(const store::UidSet& set) {
  std::string out;
  for (const store::UidRange range : set.ranges()) append_range(out, range);
  return out;
}

std::string set_text(std::span<const store::Uid> uids) {
  std::string out;
  for (std::size_t i = 0; i < uids.size();) {
    std::size_t end = i + 1;
    while (end < uids.size() && uids[end].value == uids[end - 1].value + 1) ++end;
    append_range(out, {uids[i].value, uids[end - 1].value});
    i = end;
  }
  return out;
}

}  // namespace hauspost::imap
