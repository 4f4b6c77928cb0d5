// One connection's requests, one after the other.
#pragma once

#include <functional>

#include "base/stream.h"
#include "server/web/http.h"

namespace hauspost::web {

struct SessionLimits {
  HttpLimits http;
  unsigned requests_max = 100;
  std::chrono::milliseconds request_time{30'000};  // from its first byte to its last
  std::chrono::milliseconds idle_time{30'000};     // to the first byte of the next
  std::chrono::milliseconds write_time{60'000};
};

using AnswerRequest = std::function<Task<Response>(Request request)>;

// Returns when the client or an answer ends the connection; the stream is still open.
Task<void> serve_http(Stream& stream, const SessionLimits& limits, const AnswerRequest& answer);

}  // namespace hauspost::web
