// NOTIFY (RFC 5465).
#include "protocols/imap/command_table.h"
#include "protocols/imap/notifier.h"

namespace hauspost::imap {

Task<Result<Reply>> cmd_notify(Session& session, Command& command) {
  auto& request = std::get<NotifyRequest>(command.arguments);
  const bool status = request.status;
  const bool none = request.groups.empty();
  session.notifier().set(std::move(request));
  if (none) co_return Reply{};
  // Section 3.1: SET implies a NOOP.
  if (session.state() == State::kSelected) CO_TRY(co_await session.announce(true));
  if (!status || session.state() == State::kEnded) co_return Reply{};
  CO_TRY(co_await session.notifier().write_status());
  co_return Reply{};
}

}  // namespace hauspost::imap
