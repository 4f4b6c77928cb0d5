#include "server/frontend/web_door.h"

#include "server/frontend/session.h"

namespace hauspost::frontend {

Task<std::optional<Handover>> WebDoor::run() {
  Stream& stream = context_.client.stream();
  // Browsers open connections ahead of need: such a one costs no back-end.
  const auto woken = co_await stream.wait_input(context_.stop, services_.limits.web_first_byte);
  if (!woken || *woken != Wake::kInput) {
    reason_ = !woken ? "client_gone" : *woken == Wake::kSignal ? "stopped" : "timeout";
    co_return std::nullopt;
  }
  context_.admission.note_word();
  auto opened = co_await services_.backends.open(session_start(context_, nullptr));
  if (opened) co_return Handover{std::move(*opened), {}};
  log::warning("backend.refused",
               {{"session", context_.id.to_string()}, {"cause", opened.error()}});
  reason_ = "backend_refused";
  [[maybe_unused]] auto told = co_await stream.write(kHttpBusy);
  co_return std::nullopt;
}

}  // namespace hauspost::frontend
