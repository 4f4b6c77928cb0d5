// IDLE (RFC 2177): news at once, until the client says DONE.
#include "base/text.h"
#include "protocols/imap/command_table.h"

namespace hauspost::imap {
namespace {

// The client's next line, or nullopt when only its mailbox had news. An ended session has none.
Task<Result<std::optional<RawCommand>>> line_or_news(Session& session) {
  using enum CommandReader::Event;
  ClientInput& input = session.input();
  const CommandReader::Event event = input.next();
  if (event == kCommand) co_return input.reader().take();
  if (event != kNeedMore) co_return RawCommand{};  // anything but DONE
  CO_TRY(co_await session.out().flush());
  input.release_buffer();
  CO_TRY_ASSIGN(const Wake wake, co_await session.wait(true));
  if (wake == Wake::kTimeout) {
    session.bye("Autologout; idle for too long");
  } else if (wake == Wake::kInput) {
    CO_TRY_ASSIGN(const bool more, co_await input.fill());
    if (!more) co_return fail(ErrorCode::kUnavailable, "client left without LOGOUT");
  }
  co_return std::nullopt;
}

}  // namespace

Task<Result<Reply>> cmd_idle(Session& session, Command&) {
  session.out().text() += "+ idling\r\n";
  for (;;) {
    if (session.state() == State::kSelected) CO_TRY(co_await session.announce(true));
    if (session.state() == State::kEnded) co_return Reply{};
    CO_TRY(co_await session.announce_others());
    CO_TRY_ASSIGN(const std::optional<RawCommand> line, co_await line_or_news(session));
    if (!line) continue;
    if (iequals(line->text, "DONE")) co_return Reply{};
    co_return bad("DONE expected");
  }
}

}  // namespace hauspost::imap
