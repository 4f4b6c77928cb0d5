// QueueService: what the queue needs of the other parts of transport, and the calls about it.
#pragma once

#include "base/task_group.h"
#include "server/child/child.h"
#include "server/directory/directory.h"
#include "transport/queue/local_carrier.h"
#include "transport/resolve/router.h"
#include "transport/services.h"

namespace hauspost::transport_worker {

// Nothing leaves.
class NoConnectors final : public transport::ConnectorChooser {
 public:
  transport::Way choose(std::string_view, std::uint64_t) const override { return {}; }
};

// REQUIRES: one thread; the tasks of start() have ended before destruction.
class QueueService final : public transport::ReportSink {
 public:
  // All outlive it. `remote` null: nothing leaves.
  QueueService(transport::Services& services, const directory::DirectoryReader& reader,
               const transport::ConnectorChooser& connectors, transport::Carrier* remote);

  // Lets the queue run.
  void start(TaskGroup& tasks);
  // A call of the supervisor; nullopt: it is none of the queue's (server/child/control.h).
  Task<std::optional<Result<std::string>>> handle_control(std::uint16_t method, std::string body);

  Task<Result<>> submit(transport::Envelope envelope, std::string message) override;

 private:
  Result<std::string> list_items(const std::string& body) const;

  transport::Services& services_;
  const directory::DirectoryReader& reader_;
  transport::DirectoryRouter router_;
  transport::LocalCarrier local_;
  transport::CarrierSet carriers_;
};

}  // namespace hauspost::transport_worker
