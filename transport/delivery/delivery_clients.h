// DeliveryClients: transport's connections to the store workers.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/link/rpc.h"
#include "transport/delivery/delivery_wire.h"

namespace hauspost::transport {

// REQUIRES: the thread of `executor`; stop() and join() before destruction.
class DeliveryClients {
 public:
  explicit DeliveryClients(Executor executor) : executor_(executor) {}
  DeliveryClients(const DeliveryClients&) = delete;
  DeliveryClients& operator=(const DeliveryClients&) = delete;

  // Hands one message (the parts, joined) to the worker that listens on `socket`. One result a
  // target, in their order. An error says that nothing is known of any target: the worker may or
  // may not have delivered, and the same delivery id must be tried again.
  // The parts must live until the call returns.
  Task<Result<std::vector<DeliverResult>>> deliver(std::string socket, DeliverRequest request,
                                                   std::vector<std::string_view> parts,
                                                   Duration timeout);

  // What the mailbox holds of its quota, as the worker on `socket` says.
  Task<Result<std::uint64_t>> usage(std::string socket, Guid mailbox, Duration timeout);

  void stop();
  Task<void> join();

 private:
  // A few connections a worker, so that a large message does not hold up the small ones.
  static constexpr std::size_t kConnectionsMax = 4;
  static constexpr std::size_t kLargeBytes = 256 * 1024;
  struct Connection {
    std::unique_ptr<link::RpcClient> client;
    std::size_t calls = 0;  // under way
  };
  Connection& choose(const std::string& socket, std::size_t bytes);
  Task<Result<std::string>> call(const std::string& socket, std::uint16_t method,
                                 std::span<const std::string_view> parts, Duration timeout);

  Executor executor_;
  std::map<std::string, std::vector<std::unique_ptr<Connection>>> workers_;  // by socket path
  bool stopping_ = false;
};

}  // namespace hauspost::transport
