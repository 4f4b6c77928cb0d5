// Tracker: the message tracking log, one event for each thing that happens to a message.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace hauspost::transport {

enum class TrackEvent : std::uint8_t {
  kReceive,   // taken from a client; answered 250
  kRefuse,    // a message or recipient refused in the session
  kResolve,   // an address was replaced by another
  kExpand,    // a group by its members
  kRedirect,  // forwarded
  kTransfer,  // put into a queue
  kSend,      // taken by a remote host
  kDeliver,   // in a mailbox
  kDuplicateDeliver,
  kDefer,
  kFail,  // never: a DSN follows where one is wanted
  kDrop,  // ended without a word, by an administrator or a rule
  kDsn,   // a report was made; `related` is what it is about
  kPoison,
  kQuarantine,
  kResubmit,
  kVerdict,  // of SPF, DKIM, DMARC, ARC, filters: in `detail`
};

struct TrackedEvent {
  TrackEvent event = TrackEvent::kReceive;
  Guid message;                 // network message id: Envelope::network, the same in all forks
  Guid session;                 // nil: none
  std::string_view message_id;  // header field, with its angle brackets; may be empty
  std::string_view sender;
  std::vector<std::string_view> recipients;
  std::string_view source;  // connector, queue or component
  std::string_view remote;  // host or address of the other side
  std::string_view status;  // "250 2.0.0 Ok", "4.4.1 ..."
  std::string_view detail;
  std::string_view subject;  // raw field body; kept only when subjects are logged
  std::uint64_t bytes = 0;
  Guid related;  // nil: none
};

// REQUIRES: one thread. Never fails the caller: what cannot be written is counted and logged once.
class Tracker {
 public:
  virtual ~Tracker() = default;
  virtual void record(const TrackedEvent& event) = 0;
};

// Keeps nothing.
Tracker& no_tracker();

}  // namespace hauspost::transport
