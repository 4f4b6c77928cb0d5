#include "transport/track/protocol_log.h"

#include "base/text.h"

namespace hauspost::transport {

namespace {

// "AUTH PLAIN AGEAYg==" keeps its mechanism only.
std::string masked(std::string_view line) {
  const std::size_t mechanism = 5;
  if (!istarts_with(line, "AUTH ")) return std::string(line);
  const std::size_t space = line.find(' ', mechanism);
  if (space == std::string_view::npos) return std::string(line);
  return std::string(line.substr(0, space)) + " ***";
}

}  // namespace

void ProtocolTrail::add_lines(ProtocolLine::Event event, std::string_view text) {
  do {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::string safe = masked(line);
    log_->write({connector_, session_, number_++, local_, remote_, event, safe});
  } while (!text.empty());
}

}  // namespace hauspost::transport
