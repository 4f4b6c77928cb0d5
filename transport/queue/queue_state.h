// The queue's private types; included from this folder only.
#pragma once

#include "transport/queue/queue.h"

namespace hauspost::transport {

using SteadyTime = std::chrono::steady_clock::time_point;

struct Queue::State {
  bool busy = false;                   // a drain is under way
  bool grew = false;                   // during that drain, which may not have seen the new items
  bool urgent = false;                 // kicked: items do not wait for their own time either
  SteadyTime due = SteadyTime::min();  // of the next drain
  Duration delay{};                    // of the last back-off
  std::uint32_t attempts = 0;          // failed in a row, for the queue as a whole
  std::string last_error;
};

// One pass over a queue, shared by its lanes.
struct Queue::Drain {
  store::FolderId folder;
  const Directory& directory;
  DeliveryClients& clients;
  State& state;
  bool urgent = false;
  std::vector<std::uint32_t> uids;
  std::size_t next = 0;  // into uids
  bool failed = false;   // the database does not answer: the rest of the pass is pointless
  std::string error;
  std::optional<WallTime> next_item;  // earliest time an item asked for
};

// One item in the course of one attempt.
struct Queue::Attempt {
  Envelope envelope;
  store::Body body;
  std::int64_t received_s = 0;
  std::vector<Recipient> left;  // still to be delivered
  bool refused = false;         // a mailbox said no for now
  std::string error;            // why one of them is left
};

}  // namespace hauspost::transport
