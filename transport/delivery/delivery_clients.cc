#include "transport/delivery/delivery_clients.h"

namespace hauspost::transport {

// Small messages share the first connection, where those that come together cross together. A
// large one takes the least busy of the others; a new one while all are busy and there may be more.
// A database's connections stay: there are few databases.
DeliveryClients::Connection& DeliveryClients::choose(const std::string& socket,
                                                     std::size_t bytes) {
  auto& connections = workers_[socket];
  const auto add = [&]() -> Connection& {
    connections.push_back(std::make_unique<Connection>(
        Connection{std::make_unique<link::RpcClient>(executor_, socket), 0}));
    return *connections.back();
  };
  if (connections.empty()) add();
  if (bytes < kLargeBytes) return *connections.front();
  const auto least =
      std::min_element(connections.begin() + 1, connections.end(),
                       [](const auto& a, const auto& b) { return a->calls < b->calls; });
  const bool all_busy = least == connections.end() || (*least)->calls > 0;
  return all_busy && connections.size() < kConnectionsMax ? add() : **least;
}

Task<Result<std::vector<DeliverResult>>> DeliveryClients::deliver(
    std::string socket, DeliverRequest request, std::vector<std::string_view> parts,
    Duration timeout) {
  if (stopping_) co_return fail(ErrorCode::kUnavailable, "delivery: stopping");
  const std::string trailer = to_trailer(request);
  parts.push_back(trailer);
  auto reply = co_await call(socket, kMethodDeliver, parts, timeout);
  // A worker that has just been restarted lost the connection, and perhaps the call. Its socket
  // takes new ones meanwhile, and the delivery id makes the repetition harmless.
  if (!reply && reply.error().code == ErrorCode::kUnavailable && !stopping_) {
    reply = co_await call(socket, kMethodDeliver, parts, timeout);
  }
  if (!reply) co_return fail(std::move(reply).error().within("delivering to " + socket));
  CO_TRY_ASSIGN(auto results, deliver_results_from_wire(*reply));
  if (results.size() != request.targets.size()) {
    co_return fail(ErrorCode::kCorrupt, "delivery: wrong number of results");
  }
  co_return results;
}

Task<Result<std::uint64_t>> DeliveryClients::usage(std::string socket, Guid mailbox,
                                                   Duration timeout) {
  if (stopping_) co_return fail(ErrorCode::kUnavailable, "delivery: stopping");
  const std::string request = usage_request_to_wire(mailbox);
  const std::string_view part = request;
  CO_TRY_ASSIGN(const std::string reply,
                co_await call(socket, kMethodUsage, {&part, 1}, timeout));
  co_return usage_from_wire(reply);
}

Task<Result<std::string>> DeliveryClients::call(const std::string& socket, std::uint16_t method,
                                                std::span<const std::string_view> parts,
                                                Duration timeout) {
  std::size_t bytes = 0;
  for (const std::string_view part : parts) bytes += part.size();
  Connection& connection = choose(socket, bytes);
  ++connection.calls;
  auto reply = co_await connection.client->call(method, parts, timeout);
  --connection.calls;
  co_return reply;
}

void DeliveryClients::stop() {
  stopping_ = true;
  for (auto& [socket, connections] : workers_) {
    for (auto& connection : connections) connection->client->stop();
  }
}

Task<void> DeliveryClients::join() {
  for (auto& [socket, connections] : workers_) {
    for (auto& connection : connections) co_await connection->client->join();
  }
}

}  // namespace hauspost::transport
