// QueueService: what the queue needs of the other parts of transport, and the calls about it.
#pragma once

#include "base/task_group.h"
#include "server/child/child.h"
#include "server/directory/directory.h"
#include "transport/queue/local_carrier.h"
#include "transport/queue/pressure_gauge.h"
#include "transport/resolve/router.h"
#include "transport/services.h"

namespace hauspost::transport_worker {

// REQUIRES: one thread; the tasks of start() have ended before destruction.
class QueueService final : public transport::ReportSink {
 public:
  // All outlive it. `remote` null: nothing leaves.
  QueueService(transport::Services& services, const directory::DirectoryReader& reader,
               const transport::ConnectorChooser& connectors, transport::Carrier* remote);

  // Lets the queue run, and `services` ask for pressure.
  void start(TaskGroup& tasks);
  // A call of the supervisor; nullopt: it is none of the queue's (server/child/control.h).
  Task<std::optional<Result<std::string>>> handle_control(std::uint16_t method, std::string body);

  Task<Result<>> submit(transport::Envelope envelope, std::string message) override;

 private:
  void apply_settings();
  void measure_pressure();
  // Follows the settings and the pressure.
  Task<void> watch();

  // queue_service_calls.cc; bodies and replies of queue.proto
  Result<std::string> list_queues(const std::string& body) const;
  Task<Result<std::string>> act(std::string body);
  Result<std::string> list_messages(const std::string& body) const;
  Task<Result<std::string>> work(std::string body);
  Result<std::string> export_message(const std::string& body) const;
  Task<Result<std::string>> resubmit(std::string body);
  // kNotFound, kInvalid: a queue that nothing can be sent to.
  Result<transport::NextHop> hop_for(const std::string& queue) const;

  transport::Services& services_;
  const directory::DirectoryReader& reader_;
  transport::DirectoryRouter router_;
  transport::LocalCarrier local_;
  transport::CarrierSet carriers_;
  transport::PressureGauge pressure_;
  std::optional<std::uint64_t> version_;  // of the settings
};

}  // namespace hauspost::transport_worker
