#include "protocols/smtp/line.h"

namespace hauspost::smtp {

LineScan scan_line(std::string_view input, std::size_t line_max, std::size_t searched) {
  const std::size_t end = input.substr(0, kLineFloodMax).find('\n', searched);
  if (end == std::string_view::npos) {
    if (input.size() < kLineFloodMax) return {};
    return {LineStatus::kFlood, {}, kLineFloodMax};
  }
  const std::size_t consumed = end + 1;
  const std::string_view line = input.substr(0, end);
  if (consumed > line_max) return {LineStatus::kTooLong, line, consumed};
  if (end == 0 || line.find('\r') != end - 1) return {LineStatus::kBareLineEnd, line, consumed};
  return {LineStatus::kLine, input.substr(0, end - 1), consumed};
}

}  // namespace hauspost::smtp
