// MessageRates: how many messages a source has begun in this minute, where a connector limits it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/network.h"

namespace hauspost::transport {

// REQUIRES: one thread; the clock outlives it. Forgotten with the process.
class MessageRates {
 public:
  static constexpr std::size_t kSourcesMax = 100'000;  // then the minute starts anew for all

  explicit MessageRates(const Clock& clock) : clock_(clock) {}

  // Counts one more message; false when that is more than `most` in this minute. IPv6 counts by
  // /64.
  bool take(std::string_view connector, std::string_view address, std::uint64_t most) {
    const auto minute =
        std::chrono::floor<std::chrono::minutes>(clock_.steady().time_since_epoch()).count();
    if (minute != minute_ || counts_.size() >= kSourcesMax) counts_.clear();
    minute_ = minute;
    const auto network = Network::around(address, 32, 64);
    std::string key = network ? network->to_string() : std::string(address);
    key.append(1, '\0').append(connector);
    return ++counts_[key] <= most;
  }

 private:
  const Clock& clock_;
  std::int64_t minute_ = -1;
  std::unordered_map<std::string, std::uint32_t> counts_;
};

}  // namespace hauspost::transport
