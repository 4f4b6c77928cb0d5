// One mail transaction (RFC 5321 section 3.3), and who may do what in it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/link/session_link.h"
#include "protocols/smtp/command.h"
#include "transport/services.h"

namespace hauspost::transport {

struct TakenRecipient {
  Recipient recipient;
  std::string path;  // as it stands between <>
  Resolved resolved;
};

struct Transaction {
  smtp::MailCommand mail;
  std::vector<TakenRecipient> recipients;
  std::size_t refused = 0;  // recipients that got a failure
  // LMTP: for each RCPT that was taken, in order, which of `recipients` it named.
  std::vector<std::size_t> answers;
  std::uint64_t message_bytes_max = kNoLimit;  // of this sender

  std::string sender() const { return mail.from ? mail.from->to_string() : std::string(); }
};

// The rights of a session, which follow from its SessionStart and its connector.
class Rights {
 public:
  // REQUIRES: all of them outlive it.
  Rights(const link::SessionStart& start, const Services& services,
         const ReceiveConnector& connector, const ReceiveLimits& limits);

  bool is_authenticated() const { return authenticated_; }
  bool has(RightBits right) const { return (member_.rights & right) == right; }
  // Nobody vouches for the client: neither a login nor the administrator.
  bool is_stranger() const { return !authenticated_ && !has(kAnyRecipient); }
  // The reply that refuses, or nothing. For MAIL: 530 5.7.0, 550 5.7.1, 550 5.7.60, 552 5.3.4.
  std::optional<smtp::Reply> check(const smtp::MailCommand& mail) const;
  // For RCPT: 550 5.1.1, 550 5.7.1, 451 4.3.0, 553 5.6.7, 552 5.3.4; else `taken` is filled.
  std::optional<smtp::Reply> check(const smtp::RcptCommand& rcpt, const smtp::MailCommand& mail,
                                   TakenRecipient& taken) const;

 private:
  std::optional<smtp::Reply> check_sender(const smtp::Path& from) const;
  std::optional<smtp::Reply> check_own_domain(const smtp::Path& from) const;
  std::string address_of(const smtp::Address& to) const;

  const link::SessionStart& start_;
  const Services& services_;
  const ReceiveLimits& limits_;
  bool authenticated_ = false;
  Membership member_;
};

}  // namespace hauspost::transport
