#include "server/web/metrics_door.h"

#include <sys/socket.h>

#include <array>

#include "base/link/frame.h"
#include "base/log.h"
#include "base/socket_stream.h"
#include "server/web/target.h"

namespace hauspost::web {

namespace {

constexpr std::chrono::seconds kCollectTime{10};
constexpr std::chrono::milliseconds kAcceptPause{100};  // when descriptors have run out
constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::string_view kPrometheusText = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace

Result<> MetricsDoor::listen(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return fail(errno_error("listener metrics"));
  std::error_code code;
  TcpAcceptor& acceptor = acceptors_.emplace_back(executor_);
  acceptor.assign(address.ss_family == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), fd,
                  code);
  if (code) {
    acceptors_.pop_back();
    return fail(asio_error("listener metrics", code));
  }
  tasks_.spawn("metrics.accept", accept_loop(acceptor));
  return {};
}

Task<void> MetricsDoor::stop() {
  for (TcpAcceptor& acceptor : acceptors_) {
    std::error_code ignored;
    acceptor.close(ignored);
  }
  tasks_.stop();
  co_await tasks_.join();
}

Task<void> MetricsDoor::accept_loop(TcpAcceptor& acceptor) {
  while (!tasks_.stopping()) {
    std::error_code code;
    TcpSocket socket = co_await acceptor.async_accept(asio::redirect_error(kUseTask, code));
    if (!acceptor.is_open() || was_cancelled(co_await asio::this_coro::cancellation_state))
      co_return;
    if (code) {
      log::warning("accept.failed", {{"listener", "metrics"}, {"cause", code.message()}});
      if (!co_await sleep_for(kAcceptPause)) co_return;
    } else if (sessions_ < kMetricsSessionsMax) {
      tasks_.spawn("metrics.session", serve(std::move(socket)));
    }  // else it is closed: one reader is usual
  }
}

Task<void> MetricsDoor::serve(TcpSocket socket) {
  struct Counted {
    explicit Counted(std::size_t& of) : count(of) { ++count; }
    ~Counted() { --count; }
    std::size_t& count;
  } const counted(sessions_);
  TcpStream stream(std::move(socket));
  const AnswerRequest reply = [this](Request request) { return answer(std::move(request)); };
  co_await serve_http(stream, SessionLimits{}, reply);
  stream.close();
}

Task<Response> MetricsDoor::answer(Request request) const {
  if (request.method != "GET" && request.method != "HEAD") {
    co_return Response{.status = 405, .fields = {{"Allow", "GET, HEAD"}}};
  }
  const auto target = parse_target(request.target);
  if (!target || target->path != "/metrics") co_return Response{.status = 404};
  auto text = co_await collect();
  if (text)
    co_return Response{.content_type = std::string(kPrometheusText), .body = std::move(*text)};
  log::warning("metrics.failed", {{"cause", text.error()}});
  co_return Response{.status = 503,
                     .content_type = "text/plain; charset=utf-8",
                     .body = "The numbers are not available now: " + text.error().text + "\n"};
}

Task<Result<std::string>> MetricsDoor::collect() const {
  CO_TRY_ASSIGN(UnixSocket socket, co_await link::connect_unix(socket_path_));
  UnixStream stream(std::move(socket));
  stream.set_timeout(kCollectTime);
  std::string text;
  std::array<char, kReadBytes> buffer;
  for (;;) {
    CO_TRY_ASSIGN(const std::size_t count, co_await stream.read_some(buffer));
    if (count == 0) co_return text;
    if (text.size() + count > kMetricsBytesMax)
      co_return fail(ErrorCode::kExhausted, "more numbers than can be");
    text.append(buffer.data(), count);
  }
}

}  // namespace hauspost::web
