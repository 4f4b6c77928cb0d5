// BadHosts: addresses that did not answer lately. They are tried last, never left out: a message
// must not wait because somebody else's did.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "transport/dns/hop_finder.h"

namespace hauspost::transport {

// REQUIRES: one thread; the clock outlives it.
class BadHosts {
 public:
  static constexpr Seconds kRemembered{300};
  static constexpr std::size_t kHostsMax = 10'000;

  explicit BadHosts(const Clock& clock) : clock_(clock) {}

  void failed(const dns::Host& host);
  void answered(const dns::Host& host);
  bool is_bad(const dns::Host& host) const;
  // Good ones first; otherwise the order stays.
  void sort(std::vector<dns::Host>& hosts) const;

 private:
  using Key = std::pair<std::string, std::uint16_t>;

  const Clock& clock_;
  std::map<Key, std::chrono::steady_clock::time_point> until_;
};

}  // namespace hauspost::transport
