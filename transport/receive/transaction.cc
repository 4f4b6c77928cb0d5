#include "transport/receive/transaction.h"

#include "base/log.h"

namespace hauspost::transport {

namespace {

using smtp::Reply;

const Reply kDirectoryDown{451, "4.3.0", "Try again later"};

// The directory compares plain local parts: quoting is a matter of SMTP.
std::string plain(const smtp::Address& address) { return address.local + "@" + address.domain; }

}  // namespace

Rights::Rights(const link::SessionStart& start, const Services& services,
               const ReceiveConnector& connector, const ReceiveLimits& limits)
    : start_(start),
      services_(services),
      limits_(limits),
      authenticated_(!start.user.empty() && start.mailbox.has_value()),
      member_(membership(connector, authenticated_, start.tls)) {}

std::optional<Reply> Rights::check(const smtp::MailCommand& mail) const {
  if (!has(kSubmit)) {
    if (authenticated_) return Reply{550, "5.7.1", "You may not send here"};
    return Reply{530, "5.7.0", "Authentication required"};
  }
  if (mail.size.value_or(0) > limits_.message_bytes_max) {
    return Reply{552, "5.3.4", "Message too big"};
  }
  if (!has(kAnySender)) return check_sender(mail.from);
  if (!has(kOwnDomainSender)) return check_own_domain(mail.from);
  return std::nullopt;
}

// A user sends under addresses of its own, or that it was granted; reports (the null sender) are
// for servers, which alone have them to send.
std::optional<Reply> Rights::check_sender(const smtp::Path& from) const {
  const Reply refused{550, "5.7.60", "You may not send as this sender"};
  if (!authenticated_) return from ? std::optional(refused) : std::nullopt;
  if (!from) return refused;
  const auto right = services_.directory.may_send(*start_.mailbox, plain(*from));
  if (!right) {
    log::error("directory.failed", {{"error", right.error()}});
    return kDirectoryDown;
  }
  if (*right == SendRight::kNo) return refused;
  return std::nullopt;
}

std::optional<Reply> Rights::check_own_domain(const smtp::Path& from) const {
  if (!from) return std::nullopt;
  const auto ours = services_.directory.is_accepted_domain(from->domain);
  if (!ours) {
    log::error("directory.failed", {{"error", ours.error()}});
    return kDirectoryDown;
  }
  if (*ours) return Reply{550, "5.7.1", "Senders of this domain have to log in"};
  return std::nullopt;
}

// <Postmaster> alone is the postmaster of this host's mail domain (RFC 5321 section 4.5.1).
std::string Rights::address_of(const smtp::Address& to) const {
  if (!to.domain.empty()) return plain(to);
  std::string_view domain = services_.hostname;
  while (!services_.directory.is_accepted_domain(domain).value_or(false)) {
    const std::size_t dot = domain.find('.');
    if (dot == std::string_view::npos) return "postmaster@" + services_.hostname;
    domain.remove_prefix(dot + 1);
  }
  return "postmaster@" + std::string(domain);
}

std::optional<Reply> Rights::check(const smtp::RcptCommand& rcpt, const smtp::MailCommand& mail,
                                   TakenRecipient& taken) const {
  if (!rcpt.to.is_ascii() && !mail.smtputf8) {
    return Reply{553, "5.6.7", "Such an address needs SMTPUTF8"};
  }
  std::string address = address_of(rcpt.to);
  Resolved resolved = services_.directory.resolve(address);
  switch (resolved.kind) {
    case Resolved::Kind::kMailbox:
    case Resolved::Kind::kExternal:
    case Resolved::Kind::kRelay: break;
    case Resolved::Kind::kGroup: {
      if (!resolved.restricted) break;
      const Guid user = authenticated_ ? *start_.mailbox : Guid{};
      const auto may = services_.directory.may_post(resolved.mailbox, user);
      if (!may) return kDirectoryDown;
      if (!*may) return Reply{550, "5.7.1", "You may not write to this group"};
      break;
    }
    case Resolved::Kind::kUnknown: return Reply{550, "5.1.1", "No such user here"};
    case Resolved::Kind::kForeign:
      if (!has(kAnyRecipient)) return Reply{550, "5.7.1", "Relaying denied"};
      break;
    case Resolved::Kind::kUnavailable: return kDirectoryDown;
  }
  if (mail.size.value_or(0) > resolved.message_bytes_max)
    return Reply{552, "5.3.4", "Message too big for this mailbox"};
  taken.recipient = {std::move(address), rcpt.notify.value_or(0), rcpt.orcpt};
  taken.path = rcpt.to.to_string();
  taken.resolved = std::move(resolved);
  return std::nullopt;
}

}  // namespace hauspost::transport
