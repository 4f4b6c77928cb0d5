#include "server/web/web_session.h"

#include <array>

namespace hauspost::web {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadBytes = 8 * 1024;

enum class Got { kRequest, kEnd, kBad, kLate };

Task<Got> read_request(Stream& stream, const SessionLimits& limits, RequestParser& parser) {
  std::array<char, kReadBytes> buffer;
  auto status = parser.feed({});
  bool begun = parser.in_request();
  auto until = Clock::now() + (begun ? limits.request_time : limits.idle_time);
  while (status == RequestParser::Status::kNeedMore) {
    if (parser.wants_continue() &&
        !co_await stream.write(std::string_view("HTTP/1.1 100 Continue\r\n\r\n")))
      co_return Got::kEnd;
    const auto left = until - Clock::now();
    if (left <= Duration::zero()) co_return begun ? Got::kLate : Got::kEnd;
    stream.set_timeout(std::chrono::duration_cast<Duration>(left));
    const auto count = co_await stream.read_some(buffer);
    if (!count)
      co_return count.error().code == ErrorCode::kTimeout&& begun ? Got::kLate : Got::kEnd;
    if (*count == 0) co_return Got::kEnd;
    status = parser.feed({buffer.data(), *count});
    if (!begun && parser.in_request()) {
      begun = true;
      until = Clock::now() + limits.request_time;
    }
  }
  co_return status == RequestParser::Status::kRequest ? Got::kRequest : Got::kBad;
}

Response error_response(unsigned status) {
  return {.status = status,
          .content_type = "text/plain; charset=utf-8",
          .body = std::string(reason_phrase(status)) + "\n",
          .close = true};
}

}  // namespace

Task<void> serve_http(Stream& stream, const SessionLimits& limits, const AnswerRequest& answer) {
  RequestParser parser(limits.http);
  for (unsigned served = 1;; ++served) {
    const Got got = co_await read_request(stream, limits, parser);
    if (got == Got::kEnd) co_return;
    Response response;
    bool head_only = false;
    bool keep_alive = false;
    if (got == Got::kRequest) {
      Request request = parser.take();
      head_only = request.method == "HEAD";
      keep_alive = request.keep_alive && served < limits.requests_max;
      response = co_await answer(std::move(request));
    } else {
      response = error_response(got == Got::kLate ? 408 : parser.bad_status());
    }
    if (response.close) keep_alive = false;
    stream.set_timeout(limits.write_time);
    const std::string text = to_text(response, head_only, keep_alive);
    if (!co_await stream.write(text) || !keep_alive) co_return;
  }
}

}  // namespace hauspost::web
