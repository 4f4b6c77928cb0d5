// ConnectionPool: sessions that are between two messages, by next hop, and how many are in use.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/condition.h"
#include "transport/queue/carrier.h"
#include "transport/send/connection.h"

namespace hauspost::transport {

struct PoolLimits {
  Duration idle_max = std::chrono::seconds(15);  // servers dislike clients that only wait
  std::size_t idle_of_hop = 20;
  std::size_t idle_in_all = 200;
  // Then what the DNS says may have changed; it is looked at again.
  Duration age_max = std::chrono::minutes(5);
};

// REQUIRES: one thread.
class ConnectionPool {
 public:
  ConnectionPool(Executor executor, PoolLimits limits) : limits_(limits), freed_(executor) {}

  // The right to one connection to the hop, given back by destruction.
  class Slot {
   public:
    Slot(ConnectionPool& pool, NextHop hop) : pool_(&pool), hop_(std::move(hop)) {}
    Slot(Slot&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), hop_(std::move(other.hop_)) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (pool_ != nullptr) pool_->release(hop_);
    }

   private:
    ConnectionPool* pool_;
    NextHop hop_;
  };
  // Waits while `most` connections to the hop are in use. kCancelled.
  Task<Result<Slot>> take_slot(NextHop hop, std::size_t most);

  // The one that was used last, of those that the connector would make now; null: there is none.
  // `authenticated_tls`: none without.
  std::unique_ptr<Connection> take(const NextHop& hop, const SendConnector& connector,
                                   bool authenticated_tls);
  // Keeps it for the next message. What there is no room for is given back, to be closed.
  std::unique_ptr<Connection> put(const NextHop& hop, std::unique_ptr<Connection> connection,
                                  std::chrono::steady_clock::time_point now);
  // Those that have waited too long, or all of them.
  std::vector<std::unique_ptr<Connection>> take_old(std::chrono::steady_clock::time_point now);
  std::vector<std::unique_ptr<Connection>> take_all();

  std::size_t idle() const { return idle_count_; }

 private:
  void release(const NextHop& hop);

  PoolLimits limits_;
  Condition freed_;
  std::map<NextHop, std::size_t> used_;
  std::map<NextHop, std::deque<std::unique_ptr<Connection>>> idle_;  // the oldest first
  std::size_t idle_count_ = 0;
};

}  // namespace hauspost::transport
