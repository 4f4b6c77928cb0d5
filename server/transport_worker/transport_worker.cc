#include "server/transport_worker/transport_worker.h"

#include "base/log.h"
#include "server/child/control.h"
#include "server/child/control.pb.h"
#include "transport/receive/serve_smtp.h"

namespace hauspost::transport_worker {

namespace {

constexpr Duration kSessionStartTime = std::chrono::seconds(10);

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

transport::ReceiveLimits limits_from(const child::Settings& settings) {
  transport::ReceiveLimits limits;
  limits.message_bytes_max = settings.message_bytes_max;
  return limits;
}

}  // namespace

TransportWorker::TransportWorker(Executor executor, const child::Settings& settings,
                                 std::unique_ptr<directory::DirectoryReader> directory,
                                 std::unique_ptr<transport::Queue> queue)
    : reader_(std::move(directory)),
      directory_(*reader_, settings.run_dir),
      connectors_(*reader_),
      rates_(system_clock()),
      logs_(executor, settings.data_root, *reader_, system_clock()),
      deliveries_(executor),
      queue_(std::move(queue)),
      services_{.directory = directory_,
                .deliveries = deliveries_,
                .queue = *queue_,
                .clock = system_clock(),
                .hostname = settings.hostname,
                .limits = limits_from(settings),
                .connectors = &connectors_,
                .rates = &rates_},
      sessions_(executor, "session", kSessionsMax,
                [this](UnixSocket socket) { return serve_session(std::move(socket)); }),
      tasks_(executor) {
  logs_.lend_to(services_);
}

Result<std::unique_ptr<TransportWorker>> TransportWorker::open(Executor executor,
                                                               const child::Settings& settings) {
  TRY_ASSIGN(auto directory, directory::DirectoryReader::open(settings.directory_path));
  transport::QueueOptions options;
  options.path = settings.data_root + "/queue";
  auto queue = transport::Queue::open(executor, std::move(options), system_clock());
  if (!queue) return fail(std::move(queue).error().within("queue in " + settings.data_root));
  return std::unique_ptr<TransportWorker>(
      new TransportWorker(executor, settings, std::move(directory), std::move(*queue)));
}

Result<> TransportWorker::listen(const child::NamedDescriptor& listener) {
  if (listener.name == "session") return sessions_.listen(listener.fd);
  return fail(ErrorCode::kNotFound, "no service is named " + listener.name);
}

void TransportWorker::start() {
  logs_.start(tasks_);
  tasks_.spawn("queue", queue_->run(directory_, deliveries_));
}

Task<void> TransportWorker::stop() {
  co_await sessions_.stop();
  tasks_.stop();
  co_await tasks_.join();
  deliveries_.stop();
  co_await deliveries_.join();
}

Task<void> TransportWorker::serve_session(UnixSocket socket) {
  auto frames = std::make_unique<link::FrameSocket>(std::move(socket), link::kSessionPayloadMax);
  frames->set_timeout(kSessionStartTime);
  const auto start = co_await link::accept_session(*frames);
  if (!start) {
    log::warning("session.refused", {{"cause", start.error()}});
    co_return;
  }
  if (start->protocol != link::Protocol::kSmtp) {
    [[maybe_unused]] auto told =
        co_await link::refuse(*frames, {ErrorCode::kNotFound, "no such service here"});
    co_return;
  }
  if (!co_await link::accept(*frames)) co_return;
  frames->set_timeout(Duration::zero());
  co_await serve_accepted(std::move(frames), *start);
}

Task<void> TransportWorker::serve_accepted(std::unique_ptr<link::FrameSocket> frames,
                                           const link::SessionStart& start) {
  link::LinkStream stream(std::move(frames));
  const SessionEnd end = co_await transport::serve_smtp(stream, start, services_);
  if (end == SessionEnd::kInOrder) co_await stream.end_in_order();
  log::info("session.ended", {{"session", start.session.to_string()},
                              {"protocol", "smtp"},
                              {"client", start.client_address},
                              {"in_order", end == SessionEnd::kInOrder}});
}

Result<std::string> TransportWorker::list_queue(const std::string& body) const {
  child::wire::QueueListRequest request;
  if (!request.ParseFromString(body))
    return fail(ErrorCode::kInvalid, "the request does not parse");
  child::wire::QueueListReply reply;
  for (const transport::QueueItem& item : queue_->list(request.queue()))
    *reply.add_items() = to_wire(item);
  return reply.SerializeAsString();
}

Task<Result<std::string>> TransportWorker::handle_control(std::uint16_t method, std::string body) {
  switch (static_cast<child::ControlMethod>(method)) {
    case child::ControlMethod::kQueueList: co_return list_queue(body);
    case child::ControlMethod::kQueueKick: queue_->kick(); co_return std::string();
    case child::ControlMethod::kTrackSearch: co_return co_await logs_.search(std::move(body));
    case child::ControlMethod::kTrackShow: co_return co_await logs_.show(std::move(body));
    default: co_return fail(ErrorCode::kInvalid, "unknown control method");
  }
}

}  // namespace hauspost::transport_worker
