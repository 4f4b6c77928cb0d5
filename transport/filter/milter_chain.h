// MilterChain: all filter programs of one SMTP session, one behind the other.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "transport/filter/filters.h"
#include "transport/filter/message_parts.h"
#include "transport/filter/milter_client.h"
#include "transport/filter/settings.h"

namespace hauspost::transport {

// What the filters decided of a message, beside the changes in its parts.
struct MilterOutcome {
  std::optional<smtp::Reply> refused;
  std::string quarantine;                // why; empty: no filter wants it
  std::string by;                        // the filter that refused or quarantined
  std::vector<milter::Answer> envelope;  // changes of sender and recipients, in order
};

// REQUIRES: one thread; one call under way; what the constructor is given outlives it.
class MilterChain {
 public:
  MilterChain(const FilterSettings& settings, const FilterClient& client, std::string hostname);

  bool empty() const { return links_.empty(); }
  // Connects when it was not done yet. `client_name`: the confirmed name of the client; may be
  // empty.
  Task<std::optional<smtp::Reply>> mail(const smtp::MailCommand& mail, std::string client_name);
  Task<std::optional<smtp::Reply>> rcpt(const std::string& path);
  Task<MilterOutcome> message(MessageParts& parts, const std::string& id);
  void reset();

 private:
  struct Link {
    const Milter* settings;
    std::unique_ptr<milter::MilterClient> client;
    bool silent = false;  // accepted the whole connection, or failed and may be passed by
    bool done = false;    // accepted this message
    bool in_transaction = false;
    std::optional<smtp::Reply> closed;  // refused the client: every transaction hears it
  };
  Task<Result<milter::Verdict>> greet(Link& link, std::string client_name);
  std::optional<smtp::Reply> take(Link& link, const Result<milter::Verdict>& said,
                                  std::string_view step, std::string_view refusal);
  milter::Macros session_macros() const;

  std::string hostname_;
  const link::SessionStart& start_;
  std::string connector_;
  std::vector<Link> links_;
  std::string discarded_by_;
};

}  // namespace hauspost::transport
