// What receive connectors mean to the front-end: who serves an SMTP connection, and its limits.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "server/directory/frontend_settings.h"
#include "server/directory/receive_connectors.h"
#include "server/frontend/limits.h"

namespace hauspost::frontend {

// All connectors as they are now; empty: nobody has configured any.
using AskConnectors = std::function<const std::vector<directory::SharedConnector>&()>;
// A number of the directory that has been set; see FrontendSettings.
using AskNumber = std::function<std::optional<std::uint64_t>(std::string_view name)>;

// The address and port of a listening socket. An unnamed one: nowhere.
transport::ReceiveConnector::Binding local_endpoint(int fd);

// What the connector says takes the place of the defaults; a word for the listener, or for the
// whole front-end, is stronger.
void apply_connector(const transport::ReceiveConnector& connector,
                     const directory::ListenerRules& rules, const AskNumber& number,
                     Limits& limits);

// How many connections each connector has. REQUIRES: one thread.
class ConnectorCounts {
 public:
  // One connection, counted as long as this lives.
  class Place {
   public:
    Place() = default;
    explicit Place(std::shared_ptr<std::size_t> count) : count_(std::move(count)) { ++*count_; }
    ~Place() {
      if (count_) --*count_;
    }
    Place(Place&& other) noexcept : count_(std::move(other.count_)) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(count_, other.count_);
      return *this;
    }

   private:
    std::shared_ptr<std::size_t> count_;  // shared: with the table and the other connections
  };

  // nullopt: it has all that it may have.
  std::optional<Place> enter(const transport::ReceiveConnector& connector) {
    auto& count = counts_[connector.name];
    if (!count) count = std::make_shared<std::size_t>(0);
    if (*count >= connector.limits.connections) return std::nullopt;
    return Place(count);
  }
  std::size_t of(const std::string& connector) const {
    const auto found = counts_.find(connector);
    return found == counts_.end() ? 0 : *found->second;
  }

 private:
  std::unordered_map<std::string, std::shared_ptr<std::size_t>> counts_;
};

}  // namespace hauspost::frontend
