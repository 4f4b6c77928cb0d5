#include "server/transport_worker/transport_worker.h"

#include "base/log.h"
#include "server/child/control.h"
#include "server/child/health.pb.h"
#include "server/child/transport_secrets.h"
#include "server/transport_worker/queue_metrics.h"
#include "transport/receive/hand_over.h"
#include "transport/receive/serve_smtp.h"

namespace hauspost::transport_worker {

namespace {

constexpr Duration kSessionStartTime = std::chrono::seconds(10);

transport::ReceiveLimits limits_from(const child::Settings& settings) {
  transport::ReceiveLimits limits;
  limits.message_bytes_max = settings.message_bytes_max;
  return limits;
}

// Without its secret nothing is rewritten: mail goes on all the same.
std::optional<transport::Srs> load_srs(const std::string& data_root) {
  const auto file = child::read_transport_secret(data_root, child::kSrsSecretName);
  if (!file) {
    log::warning("srs.off", {{"cause", file.error()}});
    return std::nullopt;
  }
  auto secrets = transport::srs_secrets(file->reveal());
  if (secrets) return transport::Srs(std::move(*secrets));
  log::warning("srs.off", {{"cause", secrets.error()}});
  return std::nullopt;
}

}  // namespace

TransportWorker::TransportWorker(Executor executor, const child::Settings& settings,
                                 std::unique_ptr<directory::DirectoryReader> directory,
                                 std::unique_ptr<transport::Queue> queue)
    : reader_(std::move(directory)),
      srs_(load_srs(settings.data_root)),
      directory_(*reader_, settings.run_dir, srs_ ? &*srs_ : nullptr),
      connectors_(*reader_),
      rates_(system_clock()),
      logs_(executor, settings.data_root, *reader_, system_clock()),
      dns_(executor, settings.data_root, settings.hostname, *reader_, system_clock(),
           [this](std::string from, std::string to, std::string message) {
             return submit_report(std::move(from), std::move(to), std::move(message));
           }),
      mailauth_(settings.data_root, settings.hostname, *reader_, system_clock(), dns_.resolver(),
                [this](std::string from, std::string to, std::string message) {
                  return submit_report(std::move(from), std::move(to), std::move(message));
                }),
      deliveries_(executor),
      queue_(std::move(queue)),
      services_{.directory = directory_,
                .deliveries = deliveries_,
                .queue = *queue_,
                .clock = system_clock(),
                .hostname = settings.hostname,
                .limits = limits_from(settings),
                .srs = srs_ ? &*srs_ : nullptr,
                .resolver = &dns_.resolver(),
                .hops = &dns_.hops(),
                .connectors = &connectors_,
                .rates = &rates_,
                .authentication = &mailauth_.authentication()},
      send_service_(executor, settings, *reader_, dns_, logs_),
      queue_service_(services_, *reader_, send_service_.chooser(), &send_service_.carrier()),
      filter_service_(executor, services_, *reader_, settings.data_root),
      sessions_(executor, "session", kSessionsMax,
                [this](UnixSocket socket) { return serve_session(std::move(socket)); }),
      tasks_(executor) {
  logs_.lend_to(services_);
  services_.filters = &filter_service_.filters();
  sessions_.only_from(child::callers(settings.users, {child::Role::kFrontend}));
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
  dns_.start(tasks_);
  mailauth_.start(tasks_);
  queue_service_.start(tasks_);
  filter_service_.start(tasks_);
}

Task<void> TransportWorker::stop() {
  co_await sessions_.stop();
  tasks_.stop();
  co_await tasks_.join();
  filter_service_.save();
  co_await send_service_.stop();
  deliveries_.stop();
  co_await deliveries_.join();
  dns_.save();
  mailauth_.save();
}

Task<Result<>> TransportWorker::submit_report(std::string from, std::string to,
                                              std::string message) {
  transport::Envelope envelope;
  envelope.delivery = Guid::random();
  envelope.sender = std::move(from);
  envelope.recipients = {{.address = std::move(to)}};
  envelope.received = system_clock().now();
  envelope.report = true;
  co_return co_await transport::submit_internal(services_, std::move(envelope),
                                                std::move(message));
}

// Under the id that it came with: the supervisor asks again when it got no answer.
Task<Result<std::string>> TransportWorker::submit_health_mail(std::string body) {
  child::wire::HealthMailRequest request;
  std::optional<Guid> id;
  if (request.ParseFromString(body)) id = Guid::from_bytes(request.id());
  if (!id) co_return fail(ErrorCode::kInvalid, "the request does not parse");
  transport::Envelope envelope;
  envelope.delivery = *id;
  envelope.recipients = {{.address = request.to()}};
  envelope.received = system_clock().now();
  envelope.report = true;
  CO_TRY(co_await transport::submit_internal(services_, std::move(envelope),
                                             std::move(*request.mutable_message())));
  co_return std::string();
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

void TransportWorker::measure(metrics::Snapshot& out) const {
  measure_queues(*queue_, system_clock().now(), out);
}

Task<Result<std::string>> TransportWorker::handle_control(std::uint16_t method, std::string body) {
  if (auto answered = co_await queue_service_.handle_control(method, body))
    co_return std::move(*answered);
  if (auto answered = co_await filter_service_.handle_control(method, body))
    co_return std::move(*answered);
  switch (static_cast<child::ControlMethod>(method)) {
    case child::ControlMethod::kTrackSearch: co_return co_await logs_.search(std::move(body));
    case child::ControlMethod::kTrackShow: co_return co_await logs_.show(std::move(body));
    case child::ControlMethod::kDnsLookup: co_return co_await dns_.lookup(std::move(body));
    case child::ControlMethod::kDnsHops: co_return co_await dns_.find_hops(std::move(body));
    case child::ControlMethod::kDnsCache: co_return dns_.cache(body);
    case child::ControlMethod::kMailauthTest: co_return co_await mailauth_.test(std::move(body));
    case child::ControlMethod::kDkimCheck:
      co_return co_await mailauth_.check_published(std::move(body));
    case child::ControlMethod::kMailauthReload: co_return mailauth_.reload();
    case child::ControlMethod::kDmarcReport: co_return co_await mailauth_.report(std::move(body));
    case child::ControlMethod::kTlsReport: co_return co_await dns_.report(std::move(body));
    case child::ControlMethod::kHealthMail: co_return co_await submit_health_mail(std::move(body));
    default: co_return fail(ErrorCode::kInvalid, "unknown control method");
  }
}

}  // namespace hauspost::transport_worker
