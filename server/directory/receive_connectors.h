// The receive connectors of this node: kept in the directory, chosen for each connection by where
// it arrived and whence it came.
#pragma once

#include <map>
#include <span>

#include "server/directory/directory.h"
#include "transport/receive/connector.h"

namespace hauspost::directory {

class DirectoryWriter;
using transport::ReceiveConnector;

inline constexpr std::size_t kReceiveConnectorsMax = 200;
inline constexpr std::size_t kConnectorNameMax = 64;
inline constexpr std::size_t kConnectorTextMax = 255;  // banner, comment
inline constexpr std::size_t kConnectorRangesMax = 500;

// Where [listeners] of hauspost.toml puts each kind of listener.
using DefaultBindings = std::map<std::string, std::vector<ReceiveConnector::Binding>, std::less<>>;

// What a new node has: "Default Frontend NODE" (port 25), "Client Frontend NODE" (587), "Client
// Implicit TLS NODE" (465), each at the bindings of hauspost.toml.
std::vector<ReceiveConnector> default_receive_connectors(std::string_view node);

// nullopt: never written. kCorrupt: damaged, or of a newer version.
Result<std::optional<std::vector<ReceiveConnector>>> receive_connectors(
    const DirectoryReader& reader);
// All of them, by name. REQUIRES: check_all() found them right.
Result<> set_receive_connectors(DirectoryWriter& writer,
                                const std::vector<ReceiveConnector>& connectors);

// What `usage` ("client", "internal", "internet", "partner", "custom") makes of a new connector.
// kInvalid: no such usage.
Result<ReceiveConnector> connector_for_usage(std::string name, std::string_view usage);

// One change as the CLI says it, for instance {"permit", {"users"}} or {"max-recipients", {"500"}};
// numbers are in bytes, seconds, milliseconds or counts. kInvalid, with nothing changed.
Result<> change_connector(ReceiveConnector& connector, std::string_view key,
                          const std::vector<std::string>& values);

// kInvalid: a field breaks a rule by itself. `message_bytes_max`: of the server.
Result<> check(const ReceiveConnector& connector, std::uint64_t message_bytes_max);
// kExists: two connectors of one name, or of the same address, port and range; kInvalid: one
// address and port with and without TLS from the first byte, or for LMTP and SMTP.
Result<> check_all(std::span<const ReceiveConnector> connectors, const DefaultBindings& defaults);

const std::vector<ReceiveConnector::Binding>& effective_bindings(const ReceiveConnector& connector,
                                                                 const DefaultBindings& defaults);
// "127.0.0.1:25", "[::1]:25"
std::string endpoint_text(const ReceiveConnector::Binding& binding);

// A listening socket, as the front-end sees it.
struct ArrivedAt {
  std::string_view connector;  // whose binding it was opened for
  ReceiveConnector::Binding local;
};
using SharedConnector = std::shared_ptr<const ReceiveConnector>;
// The enabled connector there with the narrowest range around `peer`; null: none serves it.
SharedConnector match_connector(std::span<const SharedConnector> connectors, const ArrivedAt& at,
                                std::string_view peer);

// The connectors as they are now: read again when the directory has changed. REQUIRES: one thread;
// the reader outlives it.
class ReceiveConnectors final : public transport::Connectors {
 public:
  explicit ReceiveConnectors(const DirectoryReader& reader) : reader_(reader) {}

  SharedConnector find(std::string_view name) const override;
  // Empty: never written. What cannot be read stays as it was, with a word in the log.
  const std::vector<SharedConnector>& all() const;

 private:
  const DirectoryReader& reader_;
  mutable std::optional<std::uint64_t> version_;
  mutable std::string bytes_;
  mutable std::vector<SharedConnector> all_;
};

}  // namespace hauspost::directory
