// QueueOptions: how patient and how eager the queue is. An administrator may change all but the path
// while it runs.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"

namespace hauspost::transport {

struct QueueOptions {
  std::string path;  // the queue database's folder; created when missing

  // A next hop that cannot be reached: so many retries so far apart, then so many others, then for
  // ever the last.
  std::uint32_t glitch_retries = 4;
  Seconds glitch_interval{60};
  std::uint32_t transient_retries = 6;
  Seconds transient_interval{300};
  Seconds failure_interval{600};
  // A mailbox database that is down: doubling from the first to the second.
  Seconds mailbox_first{5};
  Seconds mailbox_interval{300};
  Seconds message_interval{300};  // a recipient that was refused for now

  Seconds delay_notice{4 * 3600};  // 0: none
  Seconds expiry{48 * 3600};

  std::uint32_t connections_max = 1000;     // attempts at once, in all
  std::uint32_t hop_connections_max = 20;   // to one next hop
  std::uint32_t hop_messages_a_minute = 0;  // 0: as many as go

  Seconds safety_net{0};  // how long delivered items are kept; 0: not at all
};

}  // namespace hauspost::transport
