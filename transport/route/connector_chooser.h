// ConnectorChooser: by which send connector a message leaves.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "transport/queue/carrier.h"
#include "transport/route/send_connector.h"

namespace hauspost::transport {

struct Way {
  NextHop hop;  // kUnreachable: no connector serves the domain
  // Connectors serve it, but none takes a message of that size: 552 5.3.4. `hop` is the best of
  // them all the same; its carrier refuses the message with the same status.
  bool too_big = false;
};

// REQUIRES: the io thread. A memory read; what the administrator changed counts from the next call.
class ConnectorChooser {
 public:
  virtual ~ConnectorChooser() = default;
  // `domain`: lower case, A-labels; an address literal stands for itself.
  virtual Way choose(std::string_view domain, std::uint64_t message_bytes) const = 0;
};

// The rule: connectors that are smaller than the message or switched off are left out; then the
// most specific address space, the least cost, the lowest name without regard to case.
Way choose_connector(const std::vector<SendConnector>& connectors, std::string_view domain,
                     std::uint64_t message_bytes);

// All connectors as they are now; shared because a message under way goes on with those it began
// with.
using ConnectorList = std::shared_ptr<const std::vector<SendConnector>>;

// Where the connectors and their secrets come from.
class ConnectorSource {
 public:
  virtual ~ConnectorSource() = default;
  virtual ConnectorList connectors() const = 0;
  // Of the connector's smart-host login. kNotFound: none was set.
  virtual Result<Secret> password(std::string_view connector) const = 0;
};

// Null: no such connector. The name compares without case.
const SendConnector* find_connector(const std::vector<SendConnector>& connectors,
                                    std::string_view name);

// choose_connector() over what the source has.
class SourceChooser final : public ConnectorChooser {
 public:
  explicit SourceChooser(const ConnectorSource& source) : source_(source) {}
  Way choose(std::string_view domain, std::uint64_t message_bytes) const override {
    return choose_connector(*source_.connectors(), domain, message_bytes);
  }

 private:
  const ConnectorSource& source_;
};

}  // namespace hauspost::transport
