// The send connectors of this organisation: kept in the directory, read by transport for each
// message that leaves.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/directory/directory.h"
#include "transport/route/connector_chooser.h"

namespace hauspost::directory {

class DirectoryWriter;
using transport::SendConnector;

inline constexpr std::size_t kSendConnectorsMax = 500;

// By name. Empty: there is none, and nothing leaves. kCorrupt: damaged, or of a newer version.
Result<std::vector<SendConnector>> send_connectors(const DirectoryReader& reader);
// All of them. kInvalid: one breaks a rule, or there are too many; kExists: two have one name.
Result<> set_send_connectors(DirectoryWriter& writer, std::vector<SendConnector> connectors);
// The same, changing nothing.
Result<> check_send_connectors(const std::vector<SendConnector>& connectors);

// One change as the CLI says it, for instance {"address-space", {"*.example.org;10"}}; numbers are
// in bytes, seconds or counts, switches "yes" or "no". kInvalid, with nothing changed. What the
// connector is as a whole is for check() to say, afterwards.
Result<> change_send_connector(SendConnector& connector, std::string_view key,
                               const std::vector<std::string>& values);

// The connectors as they are now: read again when the directory has changed. REQUIRES: one thread;
// the reader outlives it.
class SendConnectorTable {
 public:
  explicit SendConnectorTable(const DirectoryReader& reader) : reader_(reader) {}

  // What cannot be read stays as it was, with a word in the log.
  transport::ConnectorList all() const;

 private:
  const DirectoryReader& reader_;
  mutable std::optional<std::uint64_t> version_;
  mutable transport::ConnectorList all_ = std::make_shared<std::vector<SendConnector>>();
};

}  // namespace hauspost::directory
