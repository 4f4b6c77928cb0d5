// The probes: what a client would do, in few commands. Each returns how it ended; the steps stand
// in the client's report. Errors as LineClient's.
#pragma once

#include "server/health/line_client.h"

namespace hauspost::health {

struct Order {
  Door door;
  Door reader;            // by which mail is seen and removed again
  std::string user;       // who logs in
  std::string recipient;  // where mail goes
};

// A word that is in no other message.
std::string new_token();
std::string probe_message(const Order& order, const std::string& token,
                          std::chrono::sys_seconds now);

// Connection, TLS and greeting of any service.
Task<Result<>> probe_listener(LineClient& client, const Order& order);
// Log-in, SELECT, APPEND, FETCH and SEARCH TEXT, the last under the step "search"; leaves INBOX
// empty.
Task<Result<>> probe_imap(LineClient& client, const Means& means, const Order& order);
Task<Result<>> probe_pop3(LineClient& client, const Means& means, const Order& order);
// Up to RCPT, and takes it back.
Task<Result<>> probe_smtp(LineClient& client, const Means& means, const Order& order);
// With log-in; a whole message when there is a reader.
Task<Result<>> probe_submission(LineClient& client, const Means& means, const Order& order);
// A whole message without log-in, and until the reader sees it; leaves INBOX empty.
Task<Result<>> probe_mailflow(LineClient& client, const Means& means, const Order& order);
// Any answer to a GET but one of 5xx.
Task<Result<>> probe_web(LineClient& client, const Means& means, const Order& order);

// Until a message with the word is seen, for as long as it takes; then INBOX is empty.
Task<Result<>> await_by_imap(LineClient& client, const Means& means, const Order& order,
                             std::string token);
Task<Result<>> await_by_pop3(LineClient& client, const Means& means, const Order& order,
                             std::string token);

}  // namespace hauspost::health
