// AggregateReporter: keeps AggregateReports on disk and mails the reports of each day that has
// ended.
#pragma once

#include <functional>

#include "transport/authentication/aggregate_reports.h"

namespace hauspost::mailauth {

struct AggregateReporterSettings {
  bool on = false;
  std::string submitter;  // our host name
  std::string from;
  std::string organization;
};

// REQUIRES: one thread; what it is given outlives it.
class AggregateReporter {
 public:
  // Durable when it returns: the report counts as sent.
  using Mailer =
      std::function<Task<Result<>>(std::string from, std::string to, std::string message)>;

  struct Sending {
    std::string date;
    std::string domain;
    std::vector<std::string> sent_to;  // empty: nobody wants it, or `error`
    std::vector<std::string> refused;  // did not agree to get it
    std::string error;                 // tried again later
  };

  AggregateReporter(AggregateReports& reports, dns::Resolver& resolver,
                    const PublicSuffixes& suffixes, const Clock& clock, Mailer mailer);

  void configure(AggregateReporterSettings settings);
  // Of a report that is made now.
  ReportIdentity identity(const std::string& date, const std::string& domain) const;

  // Sends what is not sent of the days before `until`, all domains or one. What cannot be sent is
  // dropped when it is kDaysKept old.
  Task<std::vector<Sending>> send(std::string until, std::string only_domain = {});
  // What happens by itself: call it once a minute. Saves; sends some time after midnight UTC.
  Task<void> tick();

  static constexpr int kDaysKept = 7;

 private:
  // Whether `address` may get a report about `domain` (RFC 7489 section 7.1).
  enum class Consent : std::uint8_t { kYes, kNo, kUnknown };
  Task<Consent> agrees(std::string domain, std::string address);
  Task<Sending> send_one(std::string date, std::string domain);
  Task<Result<>> mail_to(std::string date, std::string domain, std::string to);

  AggregateReports& reports_;
  dns::Resolver& resolver_;
  const PublicSuffixes& suffixes_;
  const Clock& clock_;
  Mailer mailer_;
  AggregateReporterSettings settings_;
  WallTime next_send_;  // zero: not chosen yet
};

// Section 7.2.1.1: text and the report compressed; CRLF throughout.
std::string compose_aggregate_mail(const AggregateReporterSettings& settings, const std::string& to,
                                   const std::string& date, const std::string& domain,
                                   const std::string& report_id, std::string_view xml,
                                   WallTime now);

}  // namespace hauspost::mailauth
