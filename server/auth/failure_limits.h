// FailureLimits: how many wrong passwords an address, and the networks around it, may try.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"

namespace hauspost::auth {

// REQUIRES: one thread. Counts in fixed windows of a minute and a day. IPv4 addresses count for
// themselves, their /26 and their /21; IPv6 for their /64, /56 and /48.
class FailureLimits {
 public:
  struct Limits {
    unsigned minute_max = 10;  // of one address; three and nine times as many of the networks
    unsigned day_max = 50;
    std::size_t networks_max = 100'000;  // remembered; at the limit, all counts start anew
  };
  FailureLimits(const Clock& clock, Limits limits) : clock_(clock), limits_(limits) {}

  // False when the address or a network around it has used up its failures. Text that is no
  // address counts as one of its own.
  bool allows(const std::string& address) const;
  void failed(const std::string& address);

 private:
  struct Window {
    std::int64_t number = 0;  // of the minute or day since the clock's epoch
    unsigned failures = 0;
  };
  struct Network {
    Window minute;
    Window day;
  };
  static std::vector<std::string> networks_of(const std::string& address);  // narrowest first

  const Clock& clock_;
  Limits limits_;
  std::unordered_map<std::string, Network> networks_;
};

}  // namespace hauspost::auth
