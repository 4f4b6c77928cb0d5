// Lines and commands depend on the bytes and not on how they were cut; stuffing can be undone.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/check.h"
#include "protocols/pop3/command.h"
#include "protocols/pop3/line_reader.h"
#include "protocols/pop3/stuffing.h"

namespace {

using namespace hauspost::pop3;

std::string events_of(std::string_view bytes, std::size_t piece) {
  LineReader reader(64);
  std::string events;
  while (!bytes.empty()) {
    std::string_view chunk = bytes.substr(0, piece);
    bytes.remove_prefix(chunk.size());
    while (!chunk.empty()) {
      const auto step = reader.feed(chunk);
      HP_CHECK(step.consumed > 0 && step.consumed <= chunk.size());
      chunk.remove_prefix(step.consumed);
      if (step.event == LineReader::Event::kNeedMore) continue;
      events += static_cast<char>('a' + static_cast<int>(step.event));
      if (step.event != LineReader::Event::kLine) continue;
      HP_CHECK(reader.line().size() <= 62);
      HP_CHECK(reader.line().find_first_of("\r\n") == std::string_view::npos);
      const auto command = parse_command(reader.line());
      events += command ? static_cast<char>('A' + static_cast<int>(command->name)) : '!';
      events += reader.line();
    }
  }
  return events;
}

void check_stuffing(std::string_view message) {
  std::string wire;
  Stuffing stuffing(message);
  while (const auto run = stuffing.next()) {
    if (run->dot) wire += '.';
    wire += run->bytes;
  }
  std::string back;
  for (std::size_t i = 0; i < wire.size(); ++i) {
    const bool stuffed = wire[i] == '.' && (i == 0 || wire[i - 1] == '\n');
    if (stuffed) HP_CHECK(i + 1 < wire.size() && wire[i + 1] == '.');
    if (!stuffed) back += wire[i];
  }
  HP_CHECK(back == message);
  std::size_t before = 0;
  for (const std::uint32_t lines : {0U, 1U, 2U, 5U, UINT32_MAX}) {
    const std::size_t now = top_bytes(message, lines);
    HP_CHECK(now >= before && now <= message.size());
    before = now;
  }
  HP_CHECK(before == message.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = events_of(bytes, size + 1);
  HP_CHECK(events_of(bytes, 1) == whole);
  HP_CHECK(events_of(bytes, 7) == whole);
  check_stuffing(bytes);
  return 0;
}
