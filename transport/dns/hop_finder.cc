#include "transport/dns/hop_finder.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <random>

#include "base/network.h"
#include "base/random.h"
#include "base/text.h"
#include "transport/dns/dane.h"
#include "transport/dns/sts_policies.h"

namespace hauspost::dns {

namespace {

// Of one search over all its questions: then what was found has to do.
constexpr std::chrono::seconds kSearchTime(60);
constexpr std::uint16_t kSmtpPort = 25;

HopAnswer temporary(std::string status, std::string text) {
  return {HopAnswer::Kind::kTemporary, {}, std::move(status), std::move(text)};
}

HopAnswer permanent(std::string status, std::string text) {
  return {HopAnswer::Kind::kPermanent, {}, std::move(status), std::move(text)};
}

// "[192.0.2.1]", "[IPv6:2001:db8::1]" or a bare address, as an address.
std::optional<std::string> literal(std::string_view name) {
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  if (istarts_with(name, "ipv6:")) name.remove_prefix(5);
  if (name.find('/') != std::string_view::npos || !Network::parse(name)) return std::nullopt;
  return std::string(name);
}

std::string host_form(std::string_view name) {
  std::string lower = ascii_lower(name);
  if (lower.ends_with('.')) lower.pop_back();
  return lower;
}

}  // namespace

struct HopFinder::Search {
  struct Candidate {
    std::uint32_t preference = 0;
    std::string name;
    std::uint64_t order = 0;  // among those of equal preference: by chance
  };
  struct Found {
    std::uint32_t preference = 0;
    Host host;
  };
  Resolver& resolver;
  std::string domain;
  std::uint16_t port = 25;
  bool require_tls = false;
  bool named = false;  // by the administrator, who may name this machine
  bool authentic = false;  // the names of the hosts are proven
  std::vector<Candidate> candidates;
  StsAnswer sts;
  std::vector<Found> found;
  std::uint32_t loop_at = UINT32_MAX;  // preference of the best host that is ourselves
  bool temporary = false;              // a host could not be looked up now
  bool untrusted = false;              // a host was left out by a policy
  bool unproven = false;               // a host was left out by REQUIRETLS
  std::mt19937_64 random{random_u64()};
};

HopFinder::HopFinder(Resolver& resolver, StsPolicies* policies, HopOptions options,
                     TlsResults& results)
    : resolver_(resolver), policies_(policies), options_(std::move(options)), results_(results) {}

Task<HopAnswer> HopFinder::find(std::string domain, bool require_tls, std::uint16_t port) {
  if (auto address = literal(domain)) {
    if (require_tls) co_return permanent("5.7.10", "an address cannot prove whose it is");
    co_return HopAnswer{HopAnswer::Kind::kHosts, {Host{host_form(domain), *address, port}}};
  }
  Search search{resolver_};
  search.domain = host_form(domain);
  search.port = port;
  search.require_tls = require_tls;
  const Answer<Mx> mx = co_await resolver_.mx(search.domain);
  search.authentic = mx.authentic;
  switch (mx.outcome) {
    case Outcome::kTemporary:
      co_return temporary("4.4.3", "no answer from the DNS about the MX of " + search.domain);
    case Outcome::kNoName: co_return permanent("5.1.2", "there is no domain " + search.domain);
    case Outcome::kNoData: search.candidates.push_back({0, search.domain}); break;
    case Outcome::kFound:
      if (mx.records.size() == 1 && mx.records[0].host.empty())
        co_return permanent("5.1.10", search.domain + " takes no mail (null MX)");
      for (const Mx& record : mx.records)
        if (!record.host.empty())
          search.candidates.push_back({record.preference, host_form(record.host)});
  }
  if (policies_ != nullptr) {
    search.sts = co_await policies_->find(search.domain);
    if (search.sts.failure != TlsFailure::kNone) {
      const PolicyFacts facts{PolicyFacts::Kind::kSts, search.domain, {}, {}};
      results_.record(
          {search.domain, facts, search.sts.failure, {}, {}, {}, {}, search.sts.detail});
    }
  }
  co_return co_await finish(search);
}

Task<HopAnswer> HopFinder::find_host(std::string name, std::uint16_t port) {
  if (auto address = literal(name))
    co_return HopAnswer{HopAnswer::Kind::kHosts, {Host{*address, *address, port}}};
  Search search{*host_resolver_};
  search.domain = host_form(name);
  search.port = port;
  search.named = true;
  search.authentic = true;
  search.candidates.push_back({0, search.domain});
  co_return co_await finish(search);
}

// Which MX is ours shows in its name, or in its addresses once they are known.
Task<HopAnswer> HopFinder::finish(Search& search) {
  const auto end = std::chrono::steady_clock::now() + kSearchTime;
  for (auto& candidate : search.candidates) {
    candidate.order = search.random();
    const auto is_it = [&](const std::string& own) { return iequals(own, candidate.name); };
    if (!search.named && std::ranges::any_of(options_.own_names, is_it))
      search.loop_at = std::min(search.loop_at, candidate.preference);
  }
  std::ranges::sort(search.candidates, {}, [](const Search::Candidate& candidate) {
    return std::pair(candidate.preference, candidate.order);
  });
  std::size_t asked = 0;
  for (const auto& candidate : search.candidates) {
    if (candidate.preference >= search.loop_at || asked++ >= options_.hosts_max) break;
    if (std::chrono::steady_clock::now() >= end) {
      search.temporary = true;
      break;
    }
    co_await add_host(search, candidate.preference, candidate.name);
  }
  HopAnswer answer;
  for (auto& found : search.found)
    if (found.preference < search.loop_at) answer.hosts.push_back(std::move(found.host));
  if (!answer.hosts.empty()) {
    answer.kind = HopAnswer::Kind::kHosts;
    co_return answer;
  }
  if (search.temporary)
    co_return temporary("4.4.3", "no answer from the DNS about the hosts of " + search.domain);
  if (search.untrusted)
    co_return temporary("4.7.5", "no host of " + search.domain + " can be trusted now");
  if (search.loop_at != UINT32_MAX)
    co_return permanent("5.4.6", "mail for " + search.domain + " loops back to this server");
  if (search.unproven)
    co_return permanent("5.7.10", "no host of " + search.domain + " is proven to be its own");
  co_return permanent("5.4.4", "no host of " + search.domain + " has an address");
}

Task<void> HopFinder::add_host(Search& search, std::uint32_t preference, std::string name) {
  Answer<std::string> v4{.outcome = Outcome::kNoData};
  Answer<std::string> v6{.outcome = Outcome::kNoData};
  if (options_.ipv4) v4 = co_await search.resolver.a(name);
  if (options_.ipv6) v6 = co_await search.resolver.aaaa(name);
  if (!v4.found() && !v6.found()) {
    if (v4.outcome == Outcome::kTemporary || v6.outcome == Outcome::kTemporary)
      search.temporary = true;
    co_return;
  }
  std::ranges::shuffle(v4.records, search.random);
  std::ranges::shuffle(v6.records, search.random);
  std::vector<std::string> addresses;
  for (std::size_t i = 0; i < std::max(v4.records.size(), v6.records.size()); ++i) {
    if (i < v6.records.size()) addresses.push_back(v6.records[i]);
    if (i < v4.records.size()) addresses.push_back(v4.records[i]);
  }
  if (addresses.size() > options_.addresses_max) addresses.resize(options_.addresses_max);
  const auto ours = [&](const std::string& address) {
    return std::ranges::find(options_.own_addresses, address) != options_.own_addresses.end();
  };
  if (!search.named && search.port == kSmtpPort && std::ranges::any_of(addresses, ours)) {
    search.loop_at = std::min(search.loop_at, preference);
    co_return;
  }
  const bool secure = (!v4.found() || v4.authentic) && (!v6.found() || v6.authentic);
  TlsPolicy tls;
  if (search.authentic && secure) {
    const std::string& canonical = v4.found() ? v4.canonical : v6.canonical;
    if (!co_await add_dane(search, name, canonical, tls)) co_return;
  }
  // TLSA records of which none is usable prove nobody; a policy that is to be followed still does.
  const bool enforced = search.sts.policy && search.sts.policy->mode == StsPolicy::Mode::kEnforce &&
                        tls.level == TlsPolicy::Level::kRequired;
  if ((tls.source.empty() || enforced) && !add_sts(search, name, tls)) co_return;
  if (search.require_tls && !add_require_tls(search, name, tls)) co_return;
  for (std::string& address : addresses)
    search.found.push_back({preference, Host{name, std::move(address), search.port, tls}});
}

// RFC 7672 section 2.2.3: below the name at the end of a chain of CNAMEs first, then below the one
// that was asked for. False: nobody can say now, and the host is left out.
Task<bool> HopFinder::add_dane(Search& search, std::string name, std::string canonical,
                               TlsPolicy& tls) {
  std::vector<std::string> bases;
  if (!canonical.empty() && canonical != name) bases.push_back(canonical);
  bases.push_back(name);
  for (const std::string& base : bases) {
    const std::string owner = "_" + std::to_string(search.port) + "._tcp." + base;
    const Answer<Tlsa> answer = co_await search.resolver.tlsa(owner);
    if (answer.outcome == Outcome::kTemporary) {
      search.untrusted = true;
      const PolicyFacts facts{PolicyFacts::Kind::kTlsa, base, {}, {}};
      results_.record({search.domain, facts, TlsFailure::kDnssecInvalid, {}, name, {}, {}, owner});
      co_return false;
    }
    if (!answer.found() || !answer.authentic) continue;
    tls = dane_policy(answer.records, base);
    if (tls.level == TlsPolicy::Level::kDane) {
      for (const std::string& other : {name, search.domain})
        if (std::ranges::find(tls.names, other) == tls.names.end()) tls.names.push_back(other);
    }
    co_return true;
  }
  co_return true;
}

// RFC 8461 section 5. False: the policy does not name this host, and is to be followed.
bool HopFinder::add_sts(Search& search, const std::string& name, TlsPolicy& tls) {
  const auto& policy = search.sts.policy;
  if (!policy || policy->mode == StsPolicy::Mode::kNone) return true;
  PolicyFacts facts{PolicyFacts::Kind::kSts, search.domain, lines_of(*policy), policy->mx};
  const bool enforce = policy->mode == StsPolicy::Mode::kEnforce;
  if (!allows(*policy, name)) {
    results_.record({search.domain,
                     facts,
                     TlsFailure::kValidationFailure,
                     {},
                     name,
                     {},
                     {},
                     "the policy does not name this MX"});
    search.untrusted = search.untrusted || enforce;
    return !enforce;
  }
  tls.source = "sts";
  tls.names = {name};
  tls.testing = !enforce;
  if (enforce) tls.level = TlsPolicy::Level::kName;
  tls.facts = std::move(facts);
  return true;
}

// RFC 8689 section 4.2.1: the name of the host is to be proven by DNSSEC or MTA-STS, and its
// certificate to be valid.
bool HopFinder::add_require_tls(Search& search, const std::string& name, TlsPolicy& tls) {
  if (tls.level == TlsPolicy::Level::kDane || tls.level == TlsPolicy::Level::kName) return true;
  if (!search.authentic) {
    search.unproven = true;
    return false;
  }
  tls.level = TlsPolicy::Level::kName;
  tls.testing = false;
  tls.names = {name};
  return true;
}

}  // namespace hauspost::dns
