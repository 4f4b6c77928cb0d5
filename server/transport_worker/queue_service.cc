#include "server/transport_worker/queue_service.h"

#include "base/beat.h"
#include "base/log.h"
#include "server/directory/queue_settings.h"
#include "transport/receive/hand_over.h"
#include "transport/resolve/postmaster.h"

namespace hauspost::transport_worker {

namespace {

constexpr Milliseconds kDeliveryTime{60'000};

}  // namespace

QueueService::QueueService(transport::Services& services, const directory::DirectoryReader& reader,
                           const transport::ConnectorChooser& connectors,
                           transport::Carrier* remote)
    : services_(services),
      reader_(reader),
      router_(services.directory, connectors),
      local_(services.directory, services.deliveries, kDeliveryTime,
             [this](transport::Envelope envelope, std::string message) {
               return transport::submit_internal(services_, std::move(envelope),
                                                 std::move(message));
             }),
      carriers_(local_, remote) {}

void QueueService::start(TaskGroup& tasks) {
  apply_settings();
  measure_pressure();
  services_.pressure = &pressure_;
  services_.router = &router_;
  transport::QueueWorld world{.carrier = carriers_, .router = router_};
  world.reports = this;
  world.tracker = services_.tracker;
  world.dsn.reporting_mta = services_.hostname;
  world.postmaster = [this] {
    return transport::postmaster_address(services_.directory, services_.hostname);
  };
  world.configuration = [this] { return reader_.version().value_or(0); };
  services_.queue.watch_for_faults();
  tasks.spawn("queue", services_.queue.run(std::move(world)));
  tasks.spawn("queue.watch", watch());
}

void QueueService::apply_settings() {
  const auto version = reader_.version();
  if (!version || version_ == *version) return;
  version_ = *version;
  directory::QueueSettings settings = directory::queue_settings(reader_);
  services_.queue.set_options(std::move(settings.queue));
  pressure_.set_limits(settings.pressure);
}

void QueueService::measure_pressure() {
  const auto reading =
      transport::read_pressure(services_.queue.options().path, services_.queue.waiting());
  if (!reading) {
    log::warning("pressure.unknown", {{"error", reading.error()}});
    return;
  }
  const auto before = pressure_.level();
  pressure_.update(*reading);
  if (pressure_.level() == before) return;
  if (pressure_.level() > before) {
    log::warning("pressure.rises",
                 {{"level", to_string(pressure_.level())}, {"cause", pressure_.cause()}});
  } else {
    log::info("pressure.falls", {{"level", to_string(pressure_.level())}});
  }
}

Task<void> QueueService::watch() {
  while (co_await sleep_to_beat()) {
    apply_settings();
    measure_pressure();
  }
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

}  // namespace hauspost::transport_worker
