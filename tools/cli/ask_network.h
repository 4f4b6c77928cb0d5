// What `hauspost doctor` asks of the network, all at once and within a time: the DNS, our own
// ports, a port elsewhere, the time.
#pragma once

#include "tools/cli/doctor_facts.h"
#include "transport/dns/cares_resolver.h"

namespace hauspost::cli {

struct NetworkWish {
  bool dns = false;
  dns::ResolverOptions resolver;
  std::vector<DnsQuestion> questions;
  std::vector<std::pair<std::string, std::string>> spf;  // domain, address
  std::string hostname;                                  // what we say in EHLO
  std::vector<ReachFacts> reach;                         // service, address and port are set
  // "host", "host:port" or an address that must take a connection; "mx:example.net" stands for a
  // host that takes mail for that domain. Empty: none.
  std::string outbound;
};
struct NetworkAnswers {
  DnsFacts dns;
  std::vector<ReachFacts> reach;
  OutboundFacts outbound;
};

inline constexpr Seconds kNetworkPatience{12};  // for all of it
inline constexpr Seconds kConnectPatience{4};   // for one connection and its greeting

// Blocks until everything has answered or kNetworkPatience has passed.
NetworkAnswers ask_network(NetworkWish wish);

// One question by SNTP (RFC 4330) to "host" or "host:port"; blocks for two seconds at most.
ClockFacts ask_time(const std::string& server);

}  // namespace hauspost::cli
