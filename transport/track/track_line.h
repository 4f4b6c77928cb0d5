// A line of the message tracking log: one JSON object, whose members stand in one order and are
// left out when they are empty.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transport/track/tracker.h"

namespace hauspost::transport {

struct TrackLine {
  std::string time;   // "2026-11-21T19:15:00.000000Z"
  std::string event;  // to_string(TrackEvent)
  std::string message;
  std::string session;
  std::string message_id;
  std::string sender;
  std::vector<std::string> recipients;
  std::string source;
  std::string remote;
  std::string status;
  std::string detail;
  std::string subject;
  std::uint64_t bytes = 0;
  std::string related;
  bool operator==(const TrackLine&) const = default;
};

// "RECEIVE"
std::string_view to_string(TrackEvent event);
std::optional<TrackEvent> parse_track_event(std::string_view word);  // in any case

// Makes the text of times, of which many follow within the same second. UTC.
class TimeText {
 public:
  // "2026-11-21T19:15:00.000000Z"; valid until the next call.
  std::string_view of(WallTime time);

 private:
  std::chrono::sys_seconds second_ = std::chrono::sys_seconds::min();
  std::string text_;
};

// With its '\n'. Octets that are not UTF-8 become U+FFFD; texts are cut at kTrackTextMax octets.
inline constexpr std::size_t kTrackTextMax = 2000;
void append_track_line(std::string& out, const TrackedEvent& event, std::string_view time,
                       bool with_subject);

// `line` without its '\n'. nullopt: not such a line. Members of other names are passed over.
std::optional<TrackLine> parse_track_line(std::string_view line);

}  // namespace hauspost::transport
