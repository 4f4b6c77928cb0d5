// Lines of the tracking log: any bytes have an answer, and what is one can be written and read
// again.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/text.h"
#include "transport/track/track_line.h"

using namespace hauspost;
using namespace hauspost::transport;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto line = parse_track_line(input);
  if (!line) return 0;
  const auto kind = parse_track_event(line->event);
  if (!kind) return 0;
  TrackedEvent event{.event = *kind};
  event.sender = line->sender;
  event.message_id = line->message_id;
  event.source = line->source;
  event.remote = line->remote;
  event.status = line->status;
  event.detail = line->detail;
  event.subject = line->subject;
  event.bytes = line->bytes;
  for (const std::string& recipient : line->recipients) event.recipients.push_back(recipient);
  std::string out;
  append_track_line(out, event, "2026-11-21T19:15:00.000000Z", true);
  HP_CHECK(out.ends_with('\n') && out.find('\n') == out.size() - 1 && is_valid_utf8(out));
  const auto again = parse_track_line(std::string_view(out).substr(0, out.size() - 1));
  HP_CHECK(again && again->event == to_string(*kind) && again->bytes == line->bytes);
  if (line->sender.size() <= kTrackTextMax && is_valid_utf8(line->sender))
    HP_CHECK(again->sender == line->sender);
  return 0;
}
