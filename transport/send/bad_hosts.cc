#include "transport/send/bad_hosts.h"

#include <algorithm>

namespace hauspost::transport {

void BadHosts::failed(const dns::Host& host) {
  const auto now = clock_.steady();
  if (until_.size() >= kHostsMax)
    std::erase_if(until_, [&](const auto& one) { return one.second <= now; });
  if (until_.size() >= kHostsMax) until_.clear();
  until_[{host.address, host.port}] = now + kRemembered;
}

void BadHosts::answered(const dns::Host& host) { until_.erase({host.address, host.port}); }

bool BadHosts::is_bad(const dns::Host& host) const {
  const auto found = until_.find({host.address, host.port});
  return found != until_.end() && found->second > clock_.steady();
}

void BadHosts::sort(std::vector<dns::Host>& hosts) const {
  if (until_.empty()) return;
  std::vector<dns::Host> bad;
  std::erase_if(hosts, [&](const dns::Host& host) {
    if (!is_bad(host)) return false;
    bad.push_back(host);
    return true;
  });
  std::ranges::move(bad, std::back_inserter(hosts));
}

}  // namespace hauspost::transport
