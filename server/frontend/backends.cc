#include "server/frontend/backends.h"

#include "server/child/child.h"
#include "server/directory/frontend_settings.h"

namespace hauspost::frontend {

namespace {

constexpr std::chrono::seconds kStartTimeout{10};  // for a back-end that is there but busy
constexpr std::chrono::milliseconds kRetryPause{50};

}  // namespace

Task<Result<std::unique_ptr<link::FrameSocket>>> open_link(const std::string& path,
                                                           const link::SessionStart& start) {
  CO_TRY_ASSIGN(UnixSocket socket, co_await link::connect_unix(path));
  auto frames = std::make_unique<link::FrameSocket>(std::move(socket), link::kSessionPayloadMax);
  frames->set_timeout(kStartTimeout);
  CO_TRY(co_await link::start_session(*frames, start));
  frames->set_timeout(Duration::zero());
  co_return std::move(frames);
}

// A service that is draining or inactive takes nobody who was connected before, either.
Result<> LocalBackends::check_active(std::string_view component) const {
  const auto state = directory::component_state(directory::asking(directory_), component);
  if (state == directory::ComponentState::kActive) return {};
  return fail(ErrorCode::kUnavailable,
              std::string(component) + " is " + std::string(directory::to_string(state)));
}

Result<std::string> LocalBackends::socket_path(const link::SessionStart& start) const {
  switch (start.protocol) {
    case link::Protocol::kSmtp:
      TRY(check_active(start.listener == "smtp" ? "smtp" : "submission"));
      break;
    case link::Protocol::kImap: TRY(check_active("imap")); break;
    case link::Protocol::kPop3: TRY(check_active("pop3")); break;
    case link::Protocol::kHttp:
      TRY(check_active("web"));
      return child::web_session_socket(run_dir_);
  }
  if (start.protocol == link::Protocol::kSmtp) return child::transport_session_socket(run_dir_);
  const std::string_view service =
      start.protocol == link::Protocol::kImap ? "imap-backend" : "pop3-backend";
  TRY_ASSIGN(const bool enabled, directory_.service_enabled(service));
  if (!enabled) return fail(ErrorCode::kUnavailable, std::string(service) + " is off");
  TRY(check_active(service));
  TRY_ASSIGN(const auto database, directory_.database(start.database));
  if (!database) return fail(ErrorCode::kUnavailable, "no database " + start.database);
  if (!database->mounted)
    return fail(ErrorCode::kUnavailable, "database " + database->name + " is not mounted");
  return child::store_session_socket(run_dir_, database->name);
}

Task<Result<std::unique_ptr<link::FrameSocket>>> LocalBackends::open(link::SessionStart start) {
  const auto until = std::chrono::steady_clock::now() + patience_;
  for (;;) {
    // Asked anew each time: what is waited for may be dismounted meanwhile.
    CO_TRY_ASSIGN(const std::string path, socket_path(start));
    auto link = co_await open_link(path, start);
    if (link || link.error().code != ErrorCode::kUnavailable) co_return link;
    if (std::chrono::steady_clock::now() >= until) co_return link;
    CO_TRY(co_await sleep_for(kRetryPause));
  }
}

}  // namespace hauspost::frontend
