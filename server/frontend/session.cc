#include "server/frontend/session.h"

#include "server/frontend/imap_login.h"
#include "server/frontend/pop3_login.h"
#include "server/frontend/pump.h"
#include "server/frontend/smtp_greeter.h"
#include "server/frontend/web_door.h"

namespace hauspost::frontend {

namespace {

struct Ended {
  std::string_view reason;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
};

std::string_view goodbye(link::Protocol protocol, PumpEnd end) {
  const bool lost = end == PumpEnd::kBackendLost;
  switch (protocol) {
    case link::Protocol::kImap:
      return lost ? "* BYE [UNAVAILABLE] The mailbox is not available now, try again\r\n"
                  : "* BYE [UNAVAILABLE] The server has to close this connection\r\n";
    case link::Protocol::kSmtp: return "421 4.3.2 Service is closing, try again later\r\n";
    case link::Protocol::kPop3:
      return lost ? "-ERR [SYS/TEMP] The mailbox is not available now, try again\r\n"
                  : "-ERR [SYS/TEMP] The server has to close this connection\r\n";
    case link::Protocol::kHttp: return kHttpBusy;
  }
  return {};
}

Task<Ended> carry(const Services& services, const SessionContext& context, Handover handover) {
  context.admission.leave_login();
  Stream& stream = context.client.stream();
  const PumpResult result = co_await pump(stream, std::move(handover), services, context.stop,
                                          context.client.traffic());
  const bool untold = result.end == PumpEnd::kBackendLost || result.end == PumpEnd::kStopped;
  // In the middle of a line the client would read a goodbye as part of something else.
  const bool http = context.client.facts().protocol == link::Protocol::kHttp;
  // Nor does HTTP know a word that answers no request.
  if (untold && (http ? result.bytes_in > 0 && result.bytes_out == 0 : result.at_line_end)) {
    [[maybe_unused]] auto told =
        co_await stream.write(goodbye(context.client.facts().protocol, result.end));
  }
  co_return Ended{to_string(result.end), result.bytes_in, result.bytes_out};
}

std::string_view draining_text(link::Protocol protocol) {
  switch (protocol) {
    case link::Protocol::kImap:
      return "* BYE [UNAVAILABLE] No new sessions now, try again later\r\n";
    case link::Protocol::kSmtp: return "421 4.3.2 No new sessions now, try again later\r\n";
    case link::Protocol::kPop3:
      return "-ERR [SYS/TEMP] No new sessions now, try again later\r\n";
    case link::Protocol::kHttp: return kHttpBusy;
  }
  return {};
}

template <class Greeter>
Task<Ended> greet_and_carry(const Services& services, const SessionContext& context) {
  std::optional<Handover> handover;
  {
    // Not in this frame, which lasts as long as the session.
    const auto greeter = std::make_unique<Greeter>(services, context);
    handover = co_await greeter->run();
    if (!handover) co_return Ended{greeter->reason()};
  }
  co_return co_await carry(services, context, std::move(*handover));
}

Task<Ended> serve(const Services& services, const SessionContext& context) {
  if (context.client.facts().implicit_tls) {
    // A client that says nothing costs no TLS.
    const auto woken = co_await context.client.stream().wait_input(
        context.stop, std::min<Duration>(tls::kHandshakeTimeout, services.limits.login_time));
    if (!woken) co_return Ended{"client_gone"};
    if (*woken == Wake::kSignal) co_return Ended{"stopped"};
    if (*woken == Wake::kTimeout) co_return Ended{"tls_timeout"};
    context.admission.note_word();
    if (const auto started = co_await context.client.start_tls(); !started) {
      log::info("tls.failed", {{"session", context.id.to_string()}, {"cause", started.error()}});
      co_return Ended{"tls_failed"};
    }
    if (context.client.facts().acme_proof) co_return Ended{"acme_proof"};
  }
  if (services.draining) {
    [[maybe_unused]] auto told =
        co_await context.client.stream().write(draining_text(context.client.facts().protocol));
    co_return Ended{"draining"};
  }
  switch (context.client.facts().protocol) {
    case link::Protocol::kSmtp: co_return co_await greet_and_carry<SmtpGreeter>(services, context);
    case link::Protocol::kPop3: co_return co_await greet_and_carry<Pop3Login>(services, context);
    case link::Protocol::kHttp: co_return co_await greet_and_carry<WebDoor>(services, context);
    case link::Protocol::kImap: break;
  }
  co_return co_await greet_and_carry<ImapLogin>(services, context);
}

}  // namespace

Task<void> run_session(const Services& services, SessionContext context) {
  const auto begun = std::chrono::steady_clock::now();
  const std::string id = context.id.to_string();
  log::info("session.accepted", {{"session", id},
                                 {"listener", context.client.facts().listener},
                                 {"client", context.client.facts().address},
                                 {"port", context.client.facts().port}});
  context.client.stream().set_timeout(services.limits.write_progress);
  const Ended ended = co_await serve(services, context);
  context.client.stream().close();
  const auto lasted = std::chrono::steady_clock::now() - begun;
  log::info("session.ended",
            {{"session", id},
             {"reason", ended.reason},
             {"bytes_in", ended.bytes_in},
             {"bytes_out", ended.bytes_out},
             {"ms", std::chrono::duration_cast<std::chrono::milliseconds>(lasted).count()}});
}

}  // namespace hauspost::frontend
