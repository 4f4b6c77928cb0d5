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
  Guid session;  // nil: none
  Guid user;     // nil: not authenticated
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
