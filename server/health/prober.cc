#include "server/health/prober.h"

#include <fmt/format.h>

#include <map>

#include "base/deadline.h"
#include "base/text.h"
#include "server/child/health.pb.h"

namespace hauspost::health {

namespace {

namespace wire = child::wire;

constexpr std::uint32_t kTimeoutLeast_ms = 100;
constexpr std::uint32_t kTimeoutMost_ms = 120'000;

Door door_from(const wire::HealthDoor& from) {
  return {.service = from.service(),
          .address = from.address(),
          .port = static_cast<std::uint16_t>(from.port()),
          .tls = from.tls(),
          .proxy = from.proxy()};
}

Order order_from(const wire::HealthOrder& from) {
  return {.door = door_from(from.door()),
          .reader = door_from(from.reader()),
          .user = from.user(),
          .recipient = from.recipient()};
}

Task<Result<>> probe(wire::HealthKind kind, LineClient& client, const Means& means,
                     const Order& order) {
  switch (kind) {
    case wire::HEALTH_KIND_LISTENER: return probe_listener(client, order);
    case wire::HEALTH_KIND_IMAP: return probe_imap(client, means, order);
    case wire::HEALTH_KIND_POP3: return probe_pop3(client, means, order);
    case wire::HEALTH_KIND_SMTP: return probe_smtp(client, means, order);
    case wire::HEALTH_KIND_SUBMISSION: return probe_submission(client, means, order);
    case wire::HEALTH_KIND_MAILFLOW: return probe_mailflow(client, means, order);
    default: return probe_web(client, means, order);
  }
}

Task<void> attempt(wire::HealthKind kind, LineClient& client, const Means& means,
                   const Order& order, std::optional<Result<>>& outcome) {
  outcome = co_await probe(kind, client, means, order);
}

void describe(const Report& report, const Result<>& outcome, wire::HealthResult& result) {
  Duration all{};
  for (const Step& step : report.steps()) {
    wire::HealthStep* out = result.add_steps();
    out->set_name(step.name);
    out->set_time_us(std::chrono::duration_cast<std::chrono::microseconds>(step.time).count());
    all += step.time;
  }
  result.set_time_us(std::chrono::duration_cast<std::chrono::microseconds>(all).count());
  result.set_last_line(escape_for_log(report.last_line()));
  if (outcome) return result.set_outcome(wire::HEALTH_OUTCOME_GOOD);
  const bool busy = outcome.error().code == ErrorCode::kExhausted;
  result.set_outcome(busy ? wire::HEALTH_OUTCOME_SKIPPED : wire::HEALTH_OUTCOME_FAILED);
  result.set_answered(outcome.error().code == ErrorCode::kDenied);
  result.set_text(escape_for_log(outcome.error().text));
}

// Those of one target, one behind the other.
Task<void> run_target(const Means& means, Duration timeout, std::vector<int> places,
                      const wire::HealthProbeRequest& request, wire::HealthProbeReply& reply) {
  bool hangs = false;  // then the others would only take as long again
  for (const int place : places) {
    wire::HealthResult& result = *reply.mutable_results(place);
    if (!hangs) {
      hangs = co_await run_probe(means, timeout, request.orders(place), result);
      continue;
    }
    result.set_kind(request.orders(place).kind());
    result.set_target(request.orders(place).target());
    result.set_outcome(wire::HEALTH_OUTCOME_SKIPPED);
    result.set_text("not tried: the probe before it had no end");
  }
}

}  // namespace

Task<bool> run_probe(const Means& means, Duration timeout, const wire::HealthOrder& wanted,
                     wire::HealthResult& result) {
  result.set_kind(wanted.kind());
  result.set_target(wanted.target());
  const Executor executor = co_await asio::this_coro::executor;
  const Order order = order_from(wanted);
  Report report;
  LineClient client(means, report);
  std::optional<Result<>> outcome;
  bool late = false;
  TaskGroup group(executor);
  Deadline deadline(executor, [&] {
    late = true;
    group.stop();
  });
  deadline.start(timeout);
  group.spawn("probe", attempt(wanted.kind(), client, means, order, outcome));
  co_await group.join();
  deadline.stop();
  report.end(std::chrono::steady_clock::now());
  if (late) {
    outcome = fail(ErrorCode::kTimeout,
                   fmt::format("no end within {} ms",
                               std::chrono::duration_cast<Milliseconds>(timeout).count()));
  }
  if (!outcome) outcome = fail(ErrorCode::kInternal, "the probe ended without an outcome");
  describe(report, *outcome, result);
  co_return late;
}

Task<Result<wire::HealthProbeReply>> run_probes(const tls::TlsContext& tls,
                                                const wire::HealthProbeRequest& request) {
  if (request.orders_size() > kOrdersMax)
    co_return fail(ErrorCode::kInvalid, "too many probes in one request");
  for (const wire::HealthOrder& order : request.orders()) {
    if (order.kind() == wire::HEALTH_KIND_UNSPECIFIED)
      co_return fail(ErrorCode::kInvalid, "a probe of no kind");
  }
  const Means means{.tls = tls,
                    .fingerprints = {request.fingerprints().begin(), request.fingerprints().end()},
                    .hostname = request.hostname(),
                    .password = request.password()};
  const Milliseconds timeout(std::clamp(request.timeout_ms(), kTimeoutLeast_ms, kTimeoutMost_ms));
  wire::HealthProbeReply reply;
  std::map<std::string, std::vector<int>> targets;
  for (int i = 0; i < request.orders_size(); ++i) {
    targets[request.orders(i).target()].push_back(i);
    reply.add_results();
  }
  TaskGroup group(co_await asio::this_coro::executor);
  for (auto& [target, places] : targets)
    group.spawn("probes of " + target,
                run_target(means, timeout, std::move(places), request, reply));
  co_await group.join();
  co_return reply;
}

}  // namespace hauspost::health
