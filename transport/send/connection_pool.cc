#include "transport/send/connection_pool.h"

#include <algorithm>
#include <utility>

namespace hauspost::transport {

Task<Result<ConnectionPool::Slot>> ConnectionPool::take_slot(NextHop hop, std::size_t most) {
  for (;;) {
    const auto used = used_.find(hop);
    if (used == used_.end() || used->second < most) break;
    CO_TRY(co_await freed_.wait());
  }
  ++used_[hop];
  co_return Slot(*this, std::move(hop));
}

void ConnectionPool::release(const NextHop& hop) {
  const auto used = used_.find(hop);
  if (--used->second == 0) used_.erase(used);
  freed_.notify_all();
}

std::unique_ptr<Connection> ConnectionPool::take(const NextHop& hop, const SendConnector& connector,
                                                 bool authenticated_tls) {
  const auto at = idle_.find(hop);
  if (at == idle_.end()) return nullptr;
  auto& waiting = at->second;
  const auto good = std::find_if(waiting.rbegin(), waiting.rend(), [&](const auto& one) {
    return one->made_by == connector && (!authenticated_tls || one->authenticated_tls);
  });
  if (good == waiting.rend()) return nullptr;
  auto connection = std::move(*good);
  waiting.erase(std::next(good).base());
  if (waiting.empty()) idle_.erase(at);
  --idle_count_;
  return connection;
}

std::unique_ptr<Connection> ConnectionPool::put(const NextHop& hop,
                                                std::unique_ptr<Connection> connection,
                                                std::chrono::steady_clock::time_point now) {
  const auto at = idle_.find(hop);
  const std::size_t waiting = at == idle_.end() ? 0 : at->second.size();
  const bool old = now - connection->opened >= limits_.age_max;
  if (old || idle_count_ >= limits_.idle_in_all || waiting >= limits_.idle_of_hop)
    return connection;
  connection->idle_since = now;
  idle_[hop].push_back(std::move(connection));
  ++idle_count_;
  return nullptr;
}

std::vector<std::unique_ptr<Connection>> ConnectionPool::take_old(
    std::chrono::steady_clock::time_point now) {
  std::vector<std::unique_ptr<Connection>> old;
  for (auto at = idle_.begin(); at != idle_.end();) {
    auto& waiting = at->second;
    while (!waiting.empty() &&
           now - waiting.front()->idle_since >=
               std::min<Duration>(limits_.idle_max, waiting.front()->made_by.inactivity)) {
      old.push_back(std::move(waiting.front()));
      waiting.pop_front();
    }
    at = waiting.empty() ? idle_.erase(at) : std::next(at);
  }
  idle_count_ -= old.size();
  return old;
}

std::vector<std::unique_ptr<Connection>> ConnectionPool::take_all() {
  std::vector<std::unique_ptr<Connection>> all;
  for (auto& [hop, waiting] : idle_) std::ranges::move(waiting, std::back_inserter(all));
  idle_.clear();
  idle_count_ = 0;
  return all;
}

}  // namespace hauspost::transport
