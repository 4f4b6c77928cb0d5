// Slowdown: how much longer a failed login from an address is answered each further time, also over
// new connections. IPv6 counts by /64.
#pragma once

#include <list>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/network.h"

namespace hauspost::frontend {

// REQUIRES: one thread; the clock outlives it.
class Slowdown {
 public:
  static constexpr unsigned kStepsMax = 4;  // each doubles the delay
  static constexpr unsigned kFailuresAStep = 3;
  static constexpr std::chrono::minutes kForgetOne{1};   // so often one failure is forgiven
  static constexpr std::size_t kAddressesMax = 100'000;  // then the one that failed longest ago goes

  explicit Slowdown(const Clock& clock) : clock_(clock) {}

  // Counts a failure; how often the delay is to be doubled.
  unsigned failed(const std::string& address) {
    Entry& entry = entry_of(key_of(address));
    const auto now = clock_.steady();
    const auto forgiven = (now - entry.since) / kForgetOne;
    entry.failures -= std::min<std::uint64_t>(entry.failures, static_cast<std::uint64_t>(forgiven));
    entry.since = now;
    const auto before = entry.failures++;
    return static_cast<unsigned>(std::min<std::uint64_t>(before / kFailuresAStep, kStepsMax));
  }
  void succeeded(const std::string& address) {
    const auto found = by_key_.find(key_of(address));
    if (found == by_key_.end()) return;
    entries_.erase(found->second);
    by_key_.erase(found);
  }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string key;
    std::uint64_t failures = 0;
    std::chrono::steady_clock::time_point since;
  };
  static std::string key_of(const std::string& address) {
    const auto network = Network::around(address, 32, 64);
    return network ? network->to_string() : address;
  }
  Entry& entry_of(const std::string& key) {
    const auto found = by_key_.find(key);
    if (found != by_key_.end()) {
      entries_.splice(entries_.end(), entries_, found->second);
      return entries_.back();
    }
    if (entries_.size() >= kAddressesMax) {
      by_key_.erase(entries_.front().key);
      entries_.pop_front();
    }
    entries_.push_back({key, 0, clock_.steady()});
    by_key_[key] = std::prev(entries_.end());
    return entries_.back();
  }

  const Clock& clock_;
  std::list<Entry> entries_;  // the one that failed last at the end
  std::unordered_map<std::string, std::list<Entry>::iterator> by_key_;
};

}  // namespace hauspost::frontend
