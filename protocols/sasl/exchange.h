// Exchange: one authentication as IMAP, SMTP and POP3 write it: lines of base64 (RFC 4648 section
// 4, strict), "=" for an empty initial response (RFC 4959, RFC 4954), "*" to cancel. Pure.
#pragma once

#include "protocols/sasl/mechanism.h"

namespace hauspost::sasl {

inline constexpr std::size_t kLineMax = 12'288;  // octets without CRLF (RFC 4954 section 4)

class Exchange {
 public:
  // nullopt for an unknown mechanism.
  static std::optional<Exchange> create(std::string_view mechanism);

  // Step::challenge comes out in base64, ready to be sent behind "+ " or "334 ".
  Step start(std::optional<std::string_view> initial_response);
  // REQUIRES: the last step was kChallenge. `line` has no CRLF.
  Step line(std::string_view line);

 private:
  explicit Exchange(std::unique_ptr<Mechanism> mechanism) : mechanism_(std::move(mechanism)) {}

  std::unique_ptr<Mechanism> mechanism_;
};

}  // namespace hauspost::sasl
