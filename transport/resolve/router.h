// DirectoryRouter: where a queued message goes next, as directory and send connectors say now.
#pragma once

#include "transport/directory.h"
#include "transport/queue/carrier.h"
#include "transport/route/connector_chooser.h"

namespace hauspost::transport {

// REQUIRES: both outlive it; the io thread.
class DirectoryRouter final : public Router {
 public:
  DirectoryRouter(const Directory& directory, const ConnectorChooser& connectors)
      : directory_(directory), connectors_(connectors) {}

  // A mailbox leads to its database; what leaves, to a connector or Unreachable; an address of ours
  // that is no mailbox to the database without a name. Unreachable also while the directory cannot
  // be read.
  NextHop route(const Recipient& recipient, std::uint64_t message_bytes) const override;
  // The same for an address that was resolved already.
  NextHop route(const Resolved& resolved, std::string_view address,
                std::uint64_t message_bytes) const;

 private:
  const Directory& directory_;
  const ConnectorChooser& connectors_;
};

}  // namespace hauspost::transport
