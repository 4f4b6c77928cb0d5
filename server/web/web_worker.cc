#include "server/web/web_worker.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "server/child/control.h"
#include "server/child/web.pb.h"

namespace hauspost::web {

namespace {

constexpr Duration kSessionStartTime = std::chrono::seconds(10);

// What a certificate authority hands out (RFC 8555 section 8.3): nothing that a path could be.
bool is_token(std::string_view text) {
  const auto fits = [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_'; };
  return !text.empty() && text.size() <= kTokenBytesMax && std::ranges::all_of(text, fits);
}

}  // namespace

WebWorker::WebWorker(Executor executor, const child::Settings& settings,
                     std::unique_ptr<directory::DirectoryReader> directory)
    : directory_(std::move(directory)),
      authenticator_(executor, child::auth_socket(settings.run_dir)),
      site_(*directory_, authenticator_, challenges_, settings.hostname, system_clock()),
      sessions_(executor, "session", kSessionsMax,
                [this](UnixSocket socket) { return serve_session(std::move(socket)); }),
      metrics_(executor, settings.run_dir + "/metrics.sock") {
  sessions_.only_from(child::callers(settings.users, {child::Role::kFrontend}));
}

Result<std::unique_ptr<WebWorker>> WebWorker::open(Executor executor,
                                                   const child::Settings& settings) {
  TRY_ASSIGN(auto directory, directory::DirectoryReader::open(settings.directory_path));
  return std::unique_ptr<WebWorker>(new WebWorker(executor, settings, std::move(directory)));
}

Result<> WebWorker::listen(const child::NamedDescriptor& listener) {
  if (listener.name == "session") return sessions_.listen(listener.fd);
  if (listener.name == "metrics") return metrics_.listen(listener.fd);
  return fail(ErrorCode::kNotFound, "no service is named " + listener.name);
}

Task<void> WebWorker::serve_session(UnixSocket socket) {
  auto frames = std::make_unique<link::FrameSocket>(std::move(socket), link::kSessionPayloadMax);
  frames->set_timeout(kSessionStartTime);
  const auto start = co_await link::accept_session(*frames);
  if (!start) {
    log::warning("session.refused", {{"cause", start.error()}});
    co_return;
  }
  if (start->protocol != link::Protocol::kHttp) {
    [[maybe_unused]] auto told =
        co_await link::refuse(*frames, {ErrorCode::kNotFound, "no such service here"});
    co_return;
  }
  if (!co_await link::accept(*frames)) co_return;
  link::LinkStream stream(std::move(frames));
  Visitor visitor{.session = start->session, .address = start->client_address, .tls = start->tls};
  const AnswerRequest answer = [this, &visitor](Request request) {
    return site_.answer(std::move(request), visitor);
  };
  co_await serve_http(stream, limits_, answer);
  co_await stream.end_in_order();
}

Task<Result<std::string>> WebWorker::handle_control(std::uint16_t method, std::string body) {
  if (static_cast<child::ControlMethod>(method) == child::ControlMethod::kWebChallenges)
    co_return set_challenges(body);
  co_return fail(ErrorCode::kInvalid, "unknown control method");
}

Result<std::string> WebWorker::set_challenges(const std::string& body) {
  child::wire::WebChallengesRequest request;
  if (!request.ParseFromString(body)) return fail(ErrorCode::kInvalid, "no list of challenges");
  if (std::cmp_greater(request.challenges_size(), kChallengesMax))
    return fail(ErrorCode::kExhausted, "too many challenges at once");
  Challenges all;
  for (const auto& one : request.challenges()) {
    if (!is_token(one.token()) || one.key_authorization().size() > kKeyAuthorizationBytesMax)
      return fail(ErrorCode::kInvalid, "a challenge whose token is none");
    all.emplace(one.token(), one.key_authorization());
  }
  challenges_ = std::move(all);
  log::info("web.challenges", {{"count", challenges_.size()}});
  return std::string();
}

Task<void> WebWorker::stop() {
  co_await metrics_.stop();
  co_await sessions_.stop();
  authenticator_.stop();
  co_await authenticator_.join();
}

}  // namespace hauspost::web
