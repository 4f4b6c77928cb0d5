// Envelope: what the queue knows of a message beside its bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "protocols/smtp/command.h"

namespace hauspost::transport {

struct Recipient {
  std::string address;  // local@domain, the local part unquoted: what the directory is asked
  smtp::NotifyBits notify = 0;  // 0: not given
  std::string orcpt;
  std::string original;  // the address as the client gave it, where another replaced it
  bool delay_reported = false;
  std::uint32_t attempts = 0;  // that ended with a word about this recipient
  std::string last_error;      // the last such word
};

struct Envelope {
  Guid delivery;       // of every attempt to deliver this message
  std::string sender;  // as it stands between <>; empty: the null reverse-path
  std::vector<Recipient> recipients;
  WallTime received;
  std::string envid;
  std::optional<smtp::Ret> ret;
  bool smtputf8 = false;
  bool eight_bit = false;
  bool binary = false;             // BODY=BINARYMIME (RFC 3030)
  bool require_tls = false;        // REQUIRETLS (RFC 8689)
  std::int8_t priority = 0;        // MT-PRIORITY, -9 to 9 (RFC 6710)
  WallTime hold_until;             // FUTURERELEASE (RFC 4865); zero: at once
  WallTime deliver_by;             // DELIVERBY (RFC 2852); zero: not asked for
  bool deliver_by_notify = false;  // mode N: report and go on; else R: return when it is late
  bool deliver_by_trace = false;
  Guid network;           // the same for all forks and reports' originals; nil: `delivery` is it
  bool report = false;    // a DSN or automatic answer: none is ever made about it
  std::string connector;  // the receive connector it came in by; empty: made here
  std::string client_address;  // of the SMTP client; empty: made here
  bool junk = false;           // mailboxes take it into their folder Junk
  bool redirected = false;     // an administrator chose its queue: it is not routed again
  Guid session;                // nil: none
  Guid user;                   // nil: not authenticated
  std::uint32_t attempts = 0;
  WallTime next_attempt;  // zero: as soon as the queue moves
  std::string last_error;
};

// The form on disk (envelope.proto). Longer error texts are cut.
std::string to_annotation(const Envelope& envelope);
// kCorrupt: not an envelope of a format we know.
Result<Envelope> envelope_from_annotation(std::string_view bytes);

// The same message for fewer recipients each, so that every annotation fits into the store's limit.
std::vector<Envelope> split_to_fit(Envelope envelope);

}  // namespace hauspost::transport
