// Who somebody turned out to be, and the question that finds out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/ids.h"
#include "base/link/session_link.h"
#include "base/log.h"
#include "protocols/sasl/mechanism.h"

namespace hauspost::auth {

struct Identity {
  Guid mailbox;          // to open: mostly the user's own
  std::string address;   // primary, the user's
  std::string database;  // DatabaseEntry::name, of what is opened
  std::string app_password;  // the name of the one that was used; empty: none
  std::optional<Guid> user = {};  // whose login it was, when `mailbox` is another's
};

struct LoginAttempt {
  std::string name;  // an address, or its local part when unique
  Secret password;
  std::string client_address;
  link::Protocol protocol = link::Protocol::kImap;
  Guid session;  // for the log
  sasl::Proof proof = sasl::Proof::kPassword;  // what `password` is
  // kCertificate only: the names in the client's verified certificate, at most
  // kCertificateNamesMax.
  std::vector<std::string> certificate_names = {};
};

// What ties an exchange to its TLS connection; empty: there is none.
struct ChannelBindings {
  std::string tls_exporter;          // RFC 9266
  std::string tls_server_end_point;  // RFC 5929 section 4
};

// One message of a client's in a SASL exchange that hauspost-auth carries on itself, for only it
// holds the keys: SCRAM. Decoded octets. The client speaks first.
struct SaslMessage {
  Guid exchange;          // nil: begins one
  std::string mechanism;  // of one that begins, upper case
  Secret message;
  ChannelBindings bindings;  // of one that begins
  std::string client_address;
  link::Protocol protocol = link::Protocol::kImap;
  Guid session;  // for the log
};

struct SaslAnswer {
  Guid exchange;         // goes on under this name; nil: it is over
  std::string message;   // for the client
  // Set: who it is. A message that comes with it must reach the client before its success does.
  std::optional<Identity> identity;
};

// Answers logins. kDenied: wrong, whatever the reason; the text is fit for the client and always
// the same. kUnavailable: nobody can say now; try again later.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  virtual Task<Result<Identity>> verify(LoginAttempt attempt) = 0;
  // Errors as verify(); kInvalid: the client broke the mechanism's grammar, or there is no such
  // mechanism. After an error the exchange is over.
  virtual Task<Result<SaslAnswer>> sasl(SaslMessage message);
};

inline constexpr std::size_t kCertificateNamesMax = 16;
inline constexpr std::string_view kDeniedText = "Authentication failed";

}  // namespace hauspost::auth
