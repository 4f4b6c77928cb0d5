// TlsReports: what became of TLS, counted by UTC day and recipient domain, for the daily reports of
// RFC 8460. Kept over restarts in one file a day.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "transport/day_files.h"
#include "transport/dns/tls_results.h"

namespace hauspost::dns {

// REQUIRES: one thread; `clock` outlives it.
class TlsReports final : public TlsResults {
 public:
  struct Options {
    std::string folder;                // empty: in memory alone
    std::size_t domains_max = 10'000;  // of a day; further ones are not counted
    std::size_t policies_max = 20;     // of a domain
    std::size_t details_max = 200;     // kinds of failure of a policy
  };
  struct Identity {
    std::string organization;
    std::string contact;  // an address
    std::string report_id;
  };
  // One policy of one domain.
  struct Sum {
    std::string date;  // "2026-11-22"
    std::string domain;
    std::string policy;  // "sts", "tlsa", "no-policy-found"
    std::uint64_t successes = 0;
    std::uint64_t failures = 0;
    bool done = false;  // reported, or nobody wants it
  };

  // Reads the folder: blocks. What cannot be read is logged and left alone.
  TlsReports(const Clock& clock, Options options);
  ~TlsReports() override;

  // Off: record() counts nothing. What was counted stays.
  void collect(bool on) { collecting_ = on; }
  void record(const TlsResult& result) override;

  std::string today() const;
  std::vector<std::string> dates() const;
  std::vector<Sum> sums() const;  // by date and domain
  // Those of a day that were not marked.
  std::vector<std::string> open_domains(const std::string& date) const;
  // The report as JSON (section 4.4); empty: nothing was counted.
  std::string report(const std::string& date, const std::string& domain,
                     const Identity& identity) const;
  void mark(const std::string& date, const std::string& domain);
  // Days before `date`, with their files.
  void forget_before(const std::string& date);
  // Writes the days that changed since: blocks. What was counted since the last call is lost with
  // the process.
  Result<> save();

 private:
  struct Policy;
  struct Domain;

  Policy* policy_of(Domain& domain, const PolicyFacts& facts) const;

  const Clock& clock_;
  Options options_;
  bool collecting_ = false;
  transport::DayFiles<Domain> days_;
};

using transport::date_of;
using transport::day_range;
using transport::DayRange;

}  // namespace hauspost::dns
