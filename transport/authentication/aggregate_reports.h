// AggregateReports: what DMARC said of messages, counted by UTC day and domain, for the daily
// reports of RFC 7489 section 7.2. Kept over restarts in one file a day.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "base/clock.h"
#include "transport/authentication/authentication.h"
#include "transport/day_files.h"

namespace hauspost::mailauth {

// Messages that are alike in everything a report tells.
struct ReportRow {
  std::string source;       // address of the client
  std::string disposition;  // what was done: "none", "quarantine", "reject"
  bool dkim_aligned = false;
  bool spf_aligned = false;
  std::string reason;   // why less was done than the policy says; empty: nothing less
  std::string comment;  // on `reason`
  std::string header_from;
  std::string envelope_from;  // a domain; empty: the null reverse-path
  std::string spf_domain;     // empty: SPF was not checked
  std::string spf_scope;      // "mfrom", "helo"
  std::string spf_result;
  struct Signature {
    std::string domain;
    std::string selector;
    std::string result;
    auto operator<=>(const Signature&) const = default;
  };
  std::vector<Signature> signatures;
  auto operator<=>(const ReportRow&) const = default;
};
ReportRow report_row(const Finding& finding);

// All that is known of one policy's domain on one day.
struct DomainReport {
  DmarcRecord policy;  // the last that was seen
  std::map<ReportRow, std::uint64_t> rows;
  std::uint64_t messages = 0;  // those of rows beyond the limit too
  std::uint64_t failures = 0;
  bool done = false;  // sent, or nobody wants it
};

// REQUIRES: one thread; `clock` outlives it.
class AggregateReports {
 public:
  struct Options {
    std::string folder;                 // empty: in memory alone
    std::size_t domains_max = 10'000;   // of a day; further ones are not counted
    std::size_t rows_max = 5'000;       // of a domain
    std::size_t day_rows_max = 50'000;  // of all domains of a day
  };
  struct Sum {
    std::string date;
    std::string domain;
    std::uint64_t messages = 0;
    std::uint64_t failures = 0;
    bool done = false;
  };

  // Reads the folder: blocks. What cannot be read is logged and left alone.
  AggregateReports(const Clock& clock, Options options);

  // Off: record() counts nothing. What was counted stays.
  void collect(bool on) { collecting_ = on; }
  // Counts a message whose domain has a policy that asks for reports.
  void record(const Finding& finding);

  std::string today() const;
  std::vector<std::string> dates() const;
  std::vector<Sum> sums() const;  // by date and domain
  // Those of a day that were not marked.
  std::vector<std::string> open_domains(const std::string& date) const;
  const DomainReport* find(const std::string& date, const std::string& domain) const;
  void mark(const std::string& date, const std::string& domain);
  // Days before `date`, with their files.
  void forget_before(const std::string& date);
  // Writes the days that changed since: blocks. What was counted since the last call is lost with
  // the process.
  Result<> save();

 private:
  const Clock& clock_;
  Options options_;
  bool collecting_ = false;
  transport::DayFiles<DomainReport> days_;
};

// Who reports, and which report it is.
struct ReportIdentity {
  std::string organization;
  std::string contact;  // an address
  std::string report_id;
};
// The report as XML (RFC 7489 appendix C), lines ending in LF.
std::string report_xml(const std::string& date, const std::string& domain,
                       const DomainReport& report, const ReportIdentity& identity);

}  // namespace hauspost::mailauth
