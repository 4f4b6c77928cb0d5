// pump: carries a session's bytes between client and back-end until one of them ends.
#pragma once

#include "server/frontend/services.h"

namespace hauspost::frontend {

enum class PumpEnd {
  kBackendClosed,  // the back-end said that the session ended as the protocol wants it
  kBackendLost,    // the link broke without a word: tell the client
  kClientGone,
  kStopped,  // the front-end stops: tell the client
};
std::string_view to_string(PumpEnd end);

struct PumpResult {
  PumpEnd end = PumpEnd::kClientGone;
  std::uint64_t bytes_in = 0;   // from the client
  std::uint64_t bytes_out = 0;  // to the client
  bool at_line_end = true;      // the last byte to the client ended a line: a goodbye may follow
};

// The client's stream is still open on return, the link is closed. A client that takes nothing for
// limits.write_progress is gone. `traffic` is kept up to date meanwhile.
Task<PumpResult> pump(Stream& client, Handover handover, const Services& services, Signal& stop,
                      Traffic& traffic);

}  // namespace hauspost::frontend
