// Who somebody turned out to be, and the question that finds out.
#pragma once

#include <string>

#include "base/async.h"
#include "base/ids.h"
#include "base/link/session_link.h"
#include "base/log.h"

namespace hauspost::auth {

struct Identity {
  Guid mailbox;
  std::string address;   // primary
  std::string database;  // DatabaseEntry::name
};

struct LoginAttempt {
  std::string name;  // an address, or its local part when unique
  Secret password;
  std::string client_address;
  link::Protocol protocol = link::Protocol::kImap;
  Guid session;  // for the log
};

// Answers logins. kDenied: wrong, whatever the reason; the text is fit for the client and always
// the same. kUnavailable: nobody can say now; try again later.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  virtual Task<Result<Identity>> verify(LoginAttempt attempt) = 0;
};

inline constexpr std::string_view kDeniedText = "Authentication failed";

}  // namespace hauspost::auth
