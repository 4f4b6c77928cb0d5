// CAPABILITY NOOP CHECK LOGOUT ID ENABLE NAMESPACE.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "protocols/imap/command_table.h"
#include "protocols/imap/sharing.h"

namespace hauspost::imap {
namespace {

constexpr Extension kEnablable[] = {Extension::kCondstore, Extension::kMetadata,
                                    Extension::kQresync,   Extension::kRev2,
                                    Extension::kUidOnly,   Extension::kUtf8};

// RFC 7162 section 3.1: a client that enables CONDSTORE with a mailbox selected must learn where
// its changes start.
void tell_highest_modseq(Session& session) {
  if (session.state() != State::kSelected) return;
  const auto folder = session.snapshot().folder(session.view().folder());
  if (!folder) return;  // the news after the command say so
  session.out().untagged(
      fmt::format("OK [HIGHESTMODSEQ {}] Highest", folder->highest_modseq.value));
}

}  // namespace

Task<Result<Reply>> cmd_capability(Session& session, Command&) {
  session.out().untagged("CAPABILITY " + capabilities(session.limits(), session.without()));
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
  session.identify(std::get<IdRequest>(command.arguments));
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
  Extensions enabled;
  for (const Extension extension : kEnablable) {
    const bool asked = std::ranges::any_of(
        names, [&](const std::string& name) { return iequals(name, name_of(extension)); });
    if (asked && session.offers(extension)) enabled.add(extension);
  }
  session.out().untagged(enabled.empty() ? "ENABLED" : "ENABLED " + names_of(enabled));
  const bool knew_modseq = session.condstore();
  Dialect dialect = session.dialect();
  dialect.qresync |= enabled.has(Extension::kQresync);
  dialect.condstore |= dialect.qresync || enabled.has(Extension::kCondstore);
  dialect.uid_only |= enabled.has(Extension::kUidOnly);
  dialect.rev2 |= enabled.has(Extension::kRev2);
  dialect.utf8_accept |= enabled.has(Extension::kUtf8);
  dialect.utf8 |= dialect.utf8_accept || dialect.rev2;
  session.set_dialect(dialect);
  if (dialect.rev2 && session.state() == State::kSelected) session.view().speak_rev2();
  if (enabled.has(Extension::kMetadata)) session.notifier().enable_metadata();
  if (dialect.condstore && !knew_modseq) tell_highest_modseq(session);
  co_return Reply{};
}

// RFC 2342: one's own mailboxes, and those of others that one may see.
Task<Result<Reply>> cmd_namespace(Session& session, Command&) {
  session.out().untagged(fmt::format("NAMESPACE ((\"\" \"/\")) NIL {}",
                                     has_shared(session) ? "((\"Shared/\" \"/\"))" : "NIL"));
  co_return Reply{};
}

}  // namespace hauspost::imap
