// HopFinder: the hosts that take mail for a domain, in the order to try them, each with the TLS
// that its domain asks for (DANE, RFC 7672; MTA-STS, RFC 8461).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "transport/dns/resolver.h"
#include "transport/dns/tls_results.h"

namespace hauspost::dns {

class StsPolicies;

struct TlsPolicy {
  enum class Level : std::uint8_t {
    kOpportunistic,  // TLS where the host offers it, whatever its certificate
    kRequired,       // no mail without TLS, whatever its certificate
    kName,           // and the certificate is of a trusted authority, for one of `names`
    kDane,           // and the certificate matches one of `tlsa`
  };
  Level level = Level::kOpportunistic;
  std::vector<Tlsa> tlsa;          // of kDane: usable ones, at least one
  std::vector<std::string> names;  // of kName; of kDane for usage 2 (RFC 7672 section 3.2.2)
  std::string source;              // "dane", "sts", "connector"; empty: nobody asks for anything
  // An STS policy in mode "testing": `level` is opportunistic; a certificate that kName would
  // refuse is reported and mail goes all the same.
  bool testing = false;
  PolicyFacts facts;  // for TlsResults
};

struct Host {
  std::string name;     // lower case, without the last dot
  std::string address;  // IPv4 or IPv6 as text
  std::uint16_t port = 25;
  TlsPolicy tls;
};

struct HopAnswer {
  enum class Kind : std::uint8_t {
    kHosts,      // `hosts` is not empty
    kTemporary,  // ask again later
    kPermanent,  // mail for the domain cannot be delivered: no such domain, null MX, loop
  };
  Kind kind = Kind::kTemporary;
  std::vector<Host> hosts;  // a host of several addresses stands there once for each
  std::string status;       // enhanced status code of the others, "5.1.10"
  std::string text;         // what happened, for people
  bool found() const { return kind == Kind::kHosts; }
};

struct HopOptions {
  std::vector<std::string> own_names;      // host names of ours: mail for them would loop
  std::vector<std::string> own_addresses;  // IP addresses whose port 25 is ours
  std::size_t hosts_max = 50;              // MX hosts looked up
  std::size_t addresses_max = 10;          // of one host
  bool ipv4 = true;
  bool ipv6 = true;
};

// REQUIRES: one thread; what it is given outlives it. Calls may be cancelled.
class HopFinder {
 public:
  // `policies` null: MTA-STS is not asked. `results` hears of hosts that a policy excludes.
  HopFinder(Resolver& resolver, StsPolicies* policies, HopOptions options,
            TlsResults& results = no_tls_results());

  // Where mail for `domain` (A-labels, any case, or an address literal "[192.0.2.1]") goes.
  // `require_tls` (RFC 8689): hosts whose name is not proven to be the domain's are left out.
  // Status codes: 5.1.2 no such domain; 5.1.10 null MX; 5.4.4 no host has an address; 5.4.6 we are
  // the domain's best host; 5.7.10 REQUIRETLS cannot be had; 4.4.3 the DNS gives no answer now;
  // 4.7.5 no host can be trusted now.
  Task<HopAnswer> find(std::string domain, bool require_tls = false, std::uint16_t port = 25);
  // The addresses of a host that the administrator named (a smart host): a name or an address,
  // bare or in brackets; it may be this machine. No MX is asked; DANE as RFC 7672 section 2.1.2 has
  // it for non-MX names.
  Task<HopAnswer> find_host(std::string name, std::uint16_t port = 25);

  const HopOptions& options() const { return options_; }
  void set_options(HopOptions options) { options_ = std::move(options); }
  // Who is asked by find_host(), instead of the constructor's resolver; outlives this.
  void ask_about_hosts(Resolver& resolver) { host_resolver_ = &resolver; }
  // From the next call on; null: MTA-STS is not asked.
  void follow(StsPolicies* policies) { policies_ = policies; }

 private:
  struct Search;
  Task<HopAnswer> finish(Search& search);
  Task<void> add_host(Search& search, std::uint32_t preference, std::string name);
  Task<bool> add_dane(Search& search, std::string name, std::string canonical, TlsPolicy& tls);
  bool add_sts(Search& search, const std::string& name, TlsPolicy& tls);
  bool add_require_tls(Search& search, const std::string& name, TlsPolicy& tls);

  Resolver& resolver_;
  Resolver* host_resolver_ = &resolver_;
  StsPolicies* policies_;
  HopOptions options_;
  TlsResults& results_;
};

}  // namespace hauspost::dns
