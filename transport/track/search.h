// Search in the message tracking log and the protocol log: files are mapped one after the other,
// the newest first, and looked through for the rarest word that was asked for before any line is
// read.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "transport/track/track_line.h"

namespace hauspost::transport {

// What is empty is not asked for. Texts are compared without case.
struct TrackQuery {
  std::string message;     // network message id, or `related`, as "8-4-4-4-12"
  std::string message_id;  // contained in the Message-ID
  std::string sender;      // contained
  std::string recipient;   // contained in one of them
  std::string event;       // to_string(TrackEvent)
  WallTime from;           // zero: from the beginning
  WallTime to = WallTime::max();
  std::size_t limit = 100;
};

struct TrackFound {
  std::vector<std::string> lines;  // as they stand in the log; the newest first
  bool more = false;               // there was more than the limit or kTrackReplyBytesMax
  std::uint64_t bytes_read = 0;
};

inline constexpr std::size_t kTrackReplyBytesMax = 4 << 20;

// Blocks; any thread. `cancelled` is looked at before each file: kCancelled. A file that vanishes
// meanwhile is passed over. kInternal: one cannot be read.
Result<TrackFound> search_tracking(const std::string& folder, const TrackQuery& query,
                                   const std::atomic<bool>& cancelled);

// Lines of one session in a protocol log, the oldest first; at most `limit`, the first ones.
Result<std::vector<std::string>> find_dialogue(const std::string& folder, const Guid& session,
                                               std::size_t limit,
                                               const std::atomic<bool>& cancelled);

inline constexpr std::string_view kTrackPrefix = "tracking";
inline constexpr std::string_view kProtocolPrefix = "smtp";
inline constexpr std::string_view kConnectivityPrefix = "connections";

}  // namespace hauspost::transport
