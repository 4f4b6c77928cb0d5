#include "server/transport_worker/queue_service.h"

#include "base/log.h"
#include "server/child/control.h"
#include "server/child/control.pb.h"
#include "transport/receive/hand_over.h"
#include "transport/resolve/postmaster.h"

namespace hauspost::transport_worker {

namespace {

constexpr Milliseconds kDeliveryTime{60'000};

std::int64_t unix_seconds(WallTime time) {
  return std::chrono::duration_cast<Seconds>(time.time_since_epoch()).count();
}

child::wire::QueueItem to_wire(const transport::QueueItem& from) {
  child::wire::QueueItem to;
  to.set_id(from.id);
  to.set_queue(from.queue);
  to.set_sender(from.sender);
  for (const std::string& recipient : from.recipients) to.add_recipients(recipient);
  to.set_bytes(from.bytes);
  to.set_received_s(unix_seconds(from.received));
  to.set_attempts(from.attempts);
  to.set_next_attempt_s(from.next_attempt ? unix_seconds(*from.next_attempt) : 0);
  to.set_last_error(from.last_error);
  return to;
}

}  // namespace

QueueService::QueueService(transport::Services& services,
                           const directory::DirectoryReader& reader,
                           const transport::ConnectorChooser& connectors,
                           transport::Carrier* remote)
    : services_(services),
      reader_(reader),
      router_(services.directory, connectors),
      local_(services.directory, services.deliveries, kDeliveryTime),
      carriers_(local_, remote) {}

void QueueService::start(TaskGroup& tasks) {
  transport::QueueWorld world{.carrier = carriers_, .router = router_};
  world.reports = this;
  world.tracker = services_.tracker;
  world.dsn = {.reporting_mta = services_.hostname,
               .postmaster = transport::postmaster_address(services_.directory,
                                                           services_.hostname)};
  world.configuration = [this] { return reader_.version().value_or(0); };
  services_.queue.watch_for_faults();
  tasks.spawn("queue", services_.queue.run(std::move(world)));
}

Task<Result<>> QueueService::submit(transport::Envelope envelope, std::string message) {
  auto done =
      co_await transport::submit_internal(services_, std::move(envelope), std::move(message));
  // Nobody is there to be told.
  if (!done && done.error().code == ErrorCode::kDenied) {
    log::warning("queue.report_nowhere", {{"error", done.error()}});
    co_return Result<>{};
  }
  co_return done;
}

Result<std::string> QueueService::list_items(const std::string& body) const {
  child::wire::QueueListRequest request;
  if (!request.ParseFromString(body))
    return fail(ErrorCode::kInvalid, "the request does not parse");
  child::wire::QueueListReply reply;
  for (const transport::QueueItem& item : services_.queue.list(request.queue()))
    *reply.add_items() = to_wire(item);
  return reply.SerializeAsString();
}

Task<std::optional<Result<std::string>>> QueueService::handle_control(std::uint16_t method,
                                                                      std::string body) {
  switch (static_cast<child::ControlMethod>(method)) {
    case child::ControlMethod::kQueueList: co_return list_items(body);
    case child::ControlMethod::kQueueKick: services_.queue.kick(); co_return std::string();
    default: co_return std::nullopt;
  }
}

}  // namespace hauspost::transport_worker
