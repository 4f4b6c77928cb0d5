// DirectoryConnectors: the send connectors of the directory and their passwords, for transport.
#pragma once

#include "server/child/transport_secrets.h"
#include "server/directory/send_connectors.h"

namespace hauspost::transport_worker {

class DirectoryConnectors final : public transport::ConnectorSource {
 public:
  // The reader outlives it.
  DirectoryConnectors(const directory::DirectoryReader& reader, std::string data_root)
      : table_(reader), data_root_(std::move(data_root)) {}

  transport::ConnectorList connectors() const override { return table_.all(); }
  // A short file, read when a connection is made.
  Result<Secret> password(std::string_view connector) const override;

 private:
  directory::SendConnectorTable table_;
  std::string data_root_;
};

}  // namespace hauspost::transport_worker
