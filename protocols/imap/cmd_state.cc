// CAPABILITY NOOP CHECK LOGOUT ID ENABLE NAMESPACE.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "protocols/imap/command_table.h"

namespace hauspost::imap {
namespace {

constexpr std::string_view kEnablable[] = {"CONDSTORE", "QRESYNC", "UIDONLY", "UTF8=ACCEPT"};

// RFC 7162 section 3.1: a client that enables CONDSTORE with a mailbox selected must learn where
// its changes start.
void tell_highest_modseq(Session& session) {
  if (session.state() != State::kSelected) return;
  const auto folder = session.database().snapshot().folder(session.view().folder());
  if (!folder) return;  // the news after the command say so
  session.out().untagged(
      fmt::format("OK [HIGHESTMODSEQ {}] Highest", folder->highest_modseq.value));
}

}  // namespace

Task<Result<Reply>> cmd_capability(Session& session, Command&) {
  session.out().untagged("CAPABILITY " + capabilities(session.limits()));
  co_return Reply{};
}

Task<Result<Reply>> cmd_noop(Session&, Command&) { co_return Reply{}; }

Task<Result<Reply>> cmd_logout(Session& session, Command&) {
  session.bye("Logging out");
  co_return Reply{};
}

// RFC 2971. What the client says of itself helps whoever reads the log.
Task<Result<Reply>> cmd_id(Session& session, Command& command) {
  std::string client;
  for (const auto& [name, value] : std::get<IdRequest>(command.arguments).fields) {
    if (!client.empty()) client += ' ';
    client += fmt::format("{}={}", name, value.value_or("NIL"));
  }
  log::info("imap.client", {{"session", session.actor().session.to_string()}, {"id", client}});
  session.out().untagged("ID (\"name\" \"Hauspost\" \"version\" \"" HAUSPOST_VERSION "\")");
  co_return Reply{};
}

// RFC 5161: only what was asked for and can be enabled is answered.
Task<Result<Reply>> cmd_enable(Session& session, Command& command) {
  const auto& names = std::get<EnableRequest>(command.arguments).names;
  std::string enabled;
  for (const std::string_view name : kEnablable) {
    if (std::ranges::find(names, name) != names.end()) enabled += fmt::format(" {}", name);
  }
  session.out().untagged("ENABLED" + enabled);
  const bool knew_modseq = session.condstore();
  Dialect dialect = session.dialect();
  dialect.qresync |= enabled.contains("QRESYNC");
  dialect.condstore |= dialect.qresync || enabled.contains("CONDSTORE");
  dialect.uid_only |= enabled.contains("UIDONLY");
  dialect.utf8 |= enabled.contains("UTF8");
  session.set_dialect(dialect);
  if (dialect.condstore && !knew_modseq) tell_highest_modseq(session);
  co_return Reply{};
}

// RFC 2342: one's own mailboxes and nobody else's.
Task<Result<Reply>> cmd_namespace(Session& session, Command&) {
  session.out().untagged("NAMESPACE ((\"\" \"/\")) NIL NIL");
  co_return Reply{};
}

}  // namespace hauspost::imap
