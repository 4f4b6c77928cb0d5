// The reader and the parser take any bytes; reading in pieces changes nothing.
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "protocols/imap/command_parser.h"

namespace {

using namespace hauspost::imap;

struct Heard {
  std::vector<CommandReader::Event> events;
  std::vector<RawCommand> commands;
};

Heard read(std::string_view bytes, std::size_t piece, const Limits& limits) {
  CommandReader reader(limits);
  Heard heard;
  while (!bytes.empty()) {
    const auto step = reader.feed(bytes.substr(0, piece));
    HP_CHECK(step.consumed > 0);
    bytes.remove_prefix(step.consumed);
    if (step.event == CommandReader::Event::kNeedMore) continue;
    heard.events.push_back(step.event);
    if (step.event == CommandReader::Event::kCommand) heard.commands.push_back(reader.take());
    if (step.event == CommandReader::Event::kFatal) break;
  }
  return heard;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Limits limits;
  limits.line_bytes_max = 512;
  limits.literal_bytes_max = 64;
  limits.command_bytes_max = 128;
  limits.message_bytes_max = 200;
  limits.append_bytes_max = 300;
  limits.unasked_bytes_max = 150;
  limits.passed_over_bytes_max = 400;
  const Extensions without = {Extension::kMove, Extension::kSort};
  Heard whole = read(bytes, bytes.size(), limits);
  const Heard pieces = read(bytes, 1, limits);
  HP_CHECK(whole.events == pieces.events);
  HP_CHECK(whole.commands.size() == pieces.commands.size());
  for (std::size_t i = 0; i < whole.commands.size(); ++i) {
    RawCommand& raw = whole.commands[i];
    HP_CHECK(raw.text == pieces.commands[i].text);
    HP_CHECK(raw.literals.size() == pieces.commands[i].literals.size());
    HP_CHECK(raw.text.size() <= limits.line_bytes_max);
    const std::size_t length = raw.text.size();
    const ParsedCommand parsed = parse_command(std::move(raw), limits, false, without);
    HP_CHECK(!parsed.tag.empty());
    if (!parsed.command) {
      HP_CHECK(parsed.command.error().offset <= length);
      HP_CHECK(!parsed.command.error().text.empty());
    } else {
      HP_CHECK(!used_by(*parsed.command).has_any(without));
    }
  }
  return 0;
}
