#include "server/health/health_worker.h"

#include "server/child/control.h"
#include "server/child/health.pb.h"
#include "server/health/prober.h"

namespace hauspost::health {

Result<std::unique_ptr<HealthWorker>> HealthWorker::open(Executor, const child::Settings&) {
  TRY_ASSIGN(auto tls, tls::TlsContext::client({}));
  return std::unique_ptr<HealthWorker>(new HealthWorker(std::move(tls)));
}

Result<> HealthWorker::listen(const child::NamedDescriptor& listener) {
  return fail(ErrorCode::kNotFound, "no service is named " + listener.name);
}

Task<Result<std::string>> HealthWorker::handle_control(std::uint16_t method, std::string body) {
  if (static_cast<child::ControlMethod>(method) != child::ControlMethod::kHealthProbe)
    co_return fail(ErrorCode::kInvalid, "unknown control method");
  const Secret wiped(std::move(body));
  child::wire::HealthProbeRequest request;
  if (!request.ParseFromArray(wiped.reveal().data(), static_cast<int>(wiped.reveal().size())))
    co_return fail(ErrorCode::kInvalid, "the request does not parse");
  CO_TRY_ASSIGN(const auto reply, co_await run_probes(tls_, request));
  co_return reply.SerializeAsString();
}

Task<void> HealthWorker::stop() { co_return; }

}  // namespace hauspost::health
