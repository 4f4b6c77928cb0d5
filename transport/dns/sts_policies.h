// StsPolicies: the MTA-STS policies of other domains, fetched when a domain announces one and kept
// over restarts as long as they say.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/condition.h"
#include "transport/dns/resolver.h"
#include "transport/dns/sts_policy.h"
#include "transport/dns/tls_results.h"

namespace hauspost::dns {

// Reads a policy from the web: HTTPS, certificate verified, no redirects, at most
// kStsPolicyBytesMax octets, within 60 seconds (RFC 8461 section 3.3).
class PolicyFetcher {
 public:
  struct Failure {
    TlsFailure kind = TlsFailure::kStsPolicyFetchError;  // or kStsWebpkiInvalid
    std::string text;
  };
  virtual ~PolicyFetcher() = default;
  virtual Task<std::expected<std::string, Failure>> fetch(std::string url) = 0;
};

struct StsAnswer {
  std::optional<StsPolicy> policy;  // none, or mode none: nothing is asked for
  // Why there is none, or why it could not be renewed; kNone: all in order.
  TlsFailure failure = TlsFailure::kNone;
  std::string detail;
};

// REQUIRES: one thread; what it is given outlives it; nobody awaits a call when it is destroyed.
class StsPolicies {
 public:
  struct Kept {
    std::string domain;
    std::string id;
    StsPolicy policy;
    WallTime fetched;
  };
  struct Options {
    std::string folder;  // a file for each policy, kept over restarts; empty: in memory alone
    std::size_t policies_max = 10'000;
    Seconds retry_after{300};  // a fetch that failed is not tried again sooner
  };

  // Reads the folder: blocks shortly. What cannot be read is logged and fetched anew.
  StsPolicies(Executor executor, Resolver& resolver, PolicyFetcher& fetcher, const Clock& clock,
              Options options);

  // The policy of `domain`, lower case A-labels. A policy that is kept holds, whatever the DNS or
  // the web say now, until it is max_age old; a new id has it fetched again.
  Task<StsAnswer> find(std::string domain);

  std::vector<Kept> kept() const;
  // Forgets a domain's policy, or with an empty name all. Returns how many.
  std::size_t forget(std::string_view domain);

 private:
  struct Entry {
    std::string id;
    StsPolicy policy;
    WallTime fetched;
  };
  struct Missed {
    std::chrono::steady_clock::time_point when;
    std::string id;
    TlsFailure failure = TlsFailure::kNone;
    std::string detail;
  };

  const Entry* valid(const std::string& domain) const;
  Task<void> renew(std::string domain, std::string id);
  void take(const std::string& domain, const std::string& id, std::string_view body);
  void miss(const std::string& domain, const std::string& id, TlsFailure failure,
            std::string detail);
  void remove(const std::string& domain);
  void make_room();
  void read_folder();
  void write_file(const std::string& domain, const Entry& entry) const;

  Resolver& resolver_;
  PolicyFetcher& fetcher_;
  const Clock& clock_;
  Options options_;
  std::map<std::string, Entry, std::less<>> policies_;
  std::map<std::string, Missed, std::less<>> missed_;
  std::set<std::string, std::less<>> fetching_;
  Condition fetched_;
};

}  // namespace hauspost::dns
