// run_worker: the life of a child that is one Worker object.
#pragma once

#include "server/child/child.h"

namespace hauspost::child {

// Worker: static Result<unique_ptr<Worker>> open(Executor, const Settings&), listen(), start() when
// it has one, handle_control(), measure() when it has one, stop(). Returns the exit status. Blocks
// until told to end.
template <class Worker>
int run_worker(Context& context) {
  asio::io_context io(1);
  auto worker = Worker::open(io.get_executor(), context.settings);
  if (!worker) return report_failure(io, context, worker.error());
  for (const NamedDescriptor& listener : context.listeners) {
    if (const auto listening = (*worker)->listen(listener); !listening)
      return report_failure(io, context, listening.error());
  }
  if constexpr (requires { (*worker)->start(); }) (*worker)->start();
  Life life;
  life.handler = [&worker](std::uint16_t method, std::string body) {
    return (*worker)->handle_control(method, std::move(body));
  };
  life.stop = [&worker] { return (*worker)->stop(); };
  if constexpr (requires(metrics::Snapshot& out) { (*worker)->measure(out); })
    life.measure = [&worker](metrics::Snapshot& out) { (*worker)->measure(out); };
  return run_until_told(io, context, std::move(life));
}

}  // namespace hauspost::child
