// What quotas have to say during a transaction (RFC 5321 section 4.2.2, RFC 3463 X.2.2).
#include "base/log.h"
#include "transport/receive/session.h"

namespace hauspost::transport {

using smtp::Reply;

// A fault of ours never costs anybody mail: who cannot be asked has room. Delivery asks again.
Task<std::optional<std::uint64_t>> Session::ask_usage(std::string socket, Guid mailbox) {
  const auto used =
      co_await services_.deliveries.usage(std::move(socket), mailbox, limits_.usage_timeout);
  if (used) co_return *used;
  log::warning("receive.usage_unknown",
               {{"mailbox", mailbox.to_string()}, {"error", used.error()}});
  co_return std::nullopt;
}

// Whoever is over the limit may not send; MAIL was taken, and is taken back.
Task<Session::Answer> Session::check_sender_quota(Answer taken) {
  if (taken.reply.is_failure() || !rights_.is_authenticated()) co_return taken;
  const auto rules = services_.directory.sender_rules(*start_.mailbox);
  if (!rules) {
    log::error("directory.failed", {{"error", rules.error()}});
    co_return taken;
  }
  transaction_.message_bytes_max = rules->message_bytes_max;
  if (transaction_.mail.size.value_or(0) > rules->message_bytes_max) {
    reset();
    co_return Answer{{552, "5.3.4", "Message too big"}};
  }
  if (rules->prohibit_send_bytes == kNoLimit) co_return taken;
  const auto used = co_await ask_usage(rules->socket, *start_.mailbox);
  if (!used || *used < rules->prohibit_send_bytes) co_return taken;
  reset();
  co_return Answer{{552, "5.2.2", "Your mailbox is too full to send: delete messages first"}};
}

Task<Session::Answer> Session::check_recipient_quota(Answer taken, std::size_t recipients_before) {
  if (transaction_.recipients.size() == recipients_before) co_return taken;
  const Resolved& resolved = transaction_.recipients.back().resolved;
  const Guid mailbox = resolved.mailbox;
  if (resolved.quota_bytes == kNoLimit || !services_.full.contains(mailbox)) co_return taken;
  const std::uint64_t most = resolved.quota_bytes;
  const auto used = co_await ask_usage(resolved.socket, mailbox);
  const std::uint64_t wanted = std::max<std::uint64_t>(transaction_.mail.size.value_or(1), 1);
  if (!used || (*used < most && wanted <= most - *used)) co_return taken;
  take_back_recipient();
  co_return Answer{{552, "5.2.2", "Mailbox full"}};
}

std::optional<Reply> Session::check_size(std::size_t bytes) const {
  if (bytes > transaction_.message_bytes_max) return Reply{552, "5.3.4", "Message too big"};
  for (const TakenRecipient& taken : transaction_.recipients) {
    if (bytes > taken.resolved.message_bytes_max)
      return Reply{552, "5.3.4", "Message too big for " + taken.path};
  }
  return std::nullopt;
}

}  // namespace hauspost::transport
