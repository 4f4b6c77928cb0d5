#include "server/supervisor/ask_transport.h"

#include "server/supervisor/supervisor.h"

namespace hauspost::supervisor {

Task<Result<std::string>> call_transport(Supervisor& supervisor, TransportCall call,
                                         std::string body) {
  const auto control = supervisor.transport().control();
  if (!control) {
    std::string text(call.without);
    if (!text.empty()) text += ": ";
    co_return fail(ErrorCode::kUnavailable, text + "transport does not run; see: hauspost status");
  }
  co_return co_await control->call(static_cast<std::uint16_t>(call.method), body, call.timeout);
}

}  // namespace hauspost::supervisor
