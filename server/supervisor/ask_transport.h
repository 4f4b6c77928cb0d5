// What the supervisor asks of the transport process.
#pragma once

#include <string>
#include <string_view>

#include "base/async.h"
#include "base/clock.h"
#include "base/result.h"
#include "server/child/control.h"

namespace hauspost::supervisor {

class Supervisor;

struct TransportCall {
  child::ControlMethod method;
  Duration timeout;
  // What cannot be done while transport does not run: "the queue cannot be read". Outlives the
  // call; empty: nothing that has to be said.
  std::string_view without = {};
};

// The answer's bytes. kUnavailable: transport does not run; else as its answer or the call failed.
Task<Result<std::string>> call_transport(Supervisor& supervisor, TransportCall call,
                                         std::string body);

// The same, parsed. kCorrupt: the answer is no Reply.
template <class Reply>
Task<Result<Reply>> ask_transport(Supervisor& supervisor, TransportCall call, std::string body) {
  CO_TRY_ASSIGN(const std::string bytes,
                co_await call_transport(supervisor, call, std::move(body)));
  Reply reply;
  if (!reply.ParseFromString(bytes))
    co_return fail(ErrorCode::kCorrupt, "transport's answer does not parse");
  co_return reply;
}

}  // namespace hauspost::supervisor
