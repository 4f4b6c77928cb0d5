// The command parser and the line scanner: any bytes have an answer, and how they are cut into
// reads changes nothing.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "protocols/smtp/command.h"
#include "protocols/smtp/line.h"

using namespace hauspost::smtp;

namespace {

void check_command(std::string_view line) {
  const auto parsed = parse_command(line);
  if (parsed) {
    HP_CHECK(find_verb(line) == verb_of(*parsed));
    return;
  }
  HP_CHECK(parsed.error().offset <= line.size());
  HP_CHECK(parsed.error().reply.code >= 500);
  const std::string reply = to_string(parsed.error().reply);
  HP_CHECK(reply.find('\r') == reply.size() - 2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_command(input);
  std::string_view rest = input;
  std::vector<LineStatus> whole;
  for (;;) {
    const LineScan scan = scan_line(rest, kCommandLineMax);
    if (scan.status == LineStatus::kNeedMore) break;
    HP_CHECK(scan.consumed > 0 && scan.consumed <= rest.size());
    HP_CHECK(scan.line.find('\n') == std::string_view::npos);
    HP_CHECK(scan.line.find('\r') == std::string_view::npos);
    if (scan.status == LineStatus::kLine) check_command(scan.line);
    whole.push_back(scan.status);
    rest.remove_prefix(scan.consumed);
  }
  std::size_t lines = 0;
  std::string buffer;
  std::size_t searched = 0;
  for (const char c : input) {
    buffer += c;
    const LineScan scan = scan_line(buffer, kCommandLineMax, searched);
    searched = buffer.size();
    if (scan.status == LineStatus::kNeedMore) continue;
    HP_CHECK(lines < whole.size() && whole[lines] == scan.status);
    ++lines;
    buffer.erase(0, scan.consumed);
    searched = 0;
  }
  HP_CHECK(lines == whole.size());
  return 0;
}
