// Filters: what may refuse or hold back mail from outside, at each step of a session.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/async.h"
#include "base/link/session_link.h"
#include "protocols/smtp/command.h"

namespace hauspost::transport {

struct Incoming;
struct TakenRecipient;

struct FilterClient {
  const link::SessionStart& start;  // outlives the filter session
  std::string connector;            // the receive connector; may be empty
  bool authenticated = false;
  bool bypass = false;  // the connector's rights spare it every filter but the caps of a user
};

// One SMTP session's. Calls come one at a time, in the order of the dialogue; each answers with the
// reply that refuses, or nothing. A fault of a filter's own refuses nobody unless it is set so.
class FilterSession {
 public:
  virtual ~FilterSession() = default;

  // MAIL was found right and is about to be taken.
  virtual Task<std::optional<smtp::Reply>> on_mail(const smtp::MailCommand& mail) = 0;
  // So was RCPT. What was found out about the client is said here, not earlier: a recipient may
  // want its mail nevertheless.
  virtual Task<std::optional<smtp::Reply>> on_rcpt(const smtp::RcptCommand& rcpt,
                                                   const TakenRecipient& taken) = 0;
  // The whole message, before it is handed over: may change header, text, sender and recipients. A
  // message that is quarantined is durable there, and the answer is the 250 that says so.
  virtual Task<std::optional<smtp::Reply>> on_message(Incoming& incoming) = 0;
  // The transaction ended, whichever way.
  virtual void on_reset() = 0;
};

// REQUIRES: the io thread.
class Filters {
 public:
  virtual ~Filters() = default;
  // Null when nothing is switched on that concerns this client: then nothing more is asked.
  virtual std::unique_ptr<FilterSession> begin(const FilterClient& client) = 0;
};

}  // namespace hauspost::transport
