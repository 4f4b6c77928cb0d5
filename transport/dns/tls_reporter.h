// TlsReporter: keeps TlsReports on disk and mails the reports of each day that has ended.
#pragma once

#include <functional>
#include <string>

#include "transport/dns/tls_report_mail.h"

namespace hauspost::dns {

struct TlsReporterSettings {
  bool on = false;
  std::string submitter;  // our host name
  std::string from;
  std::string organization;
};

// REQUIRES: one thread; what it is given outlives it.
class TlsReporter {
 public:
  // Durable when it returns: the report counts as sent.
  using Mailer =
      std::function<Task<Result<>>(std::string from, std::string to, std::string message)>;

  struct Sending {
    std::string date;
    std::string domain;
    std::vector<std::string> sent_to;  // empty: nobody wants it, or `error`
    std::string error;                 // tried again later
  };

  TlsReporter(TlsReports& reports, Resolver& resolver, const Clock& clock, Mailer mailer);

  void configure(TlsReporterSettings settings);
  // Of a report that is made now.
  TlsReports::Identity identity() const;

  // Sends what is not sent of the days before `until`, all domains or one. RFC 8460 section 5.5
  // asks for a try a day at least; what cannot be sent is dropped when it is kDaysKept old.
  Task<std::vector<Sending>> send(std::string until, std::string only_domain = {});
  // What happens by itself: call it once a minute. Saves; sends some time after midnight UTC.
  Task<void> tick();

  static constexpr int kDaysKept = 7;

 private:
  Task<Sending> send_one(std::string date, std::string domain);
  Task<Result<>> mail_to(std::string date, std::string domain, std::string to);

  TlsReports& reports_;
  Resolver& resolver_;
  const Clock& clock_;
  Mailer mailer_;
  TlsReporterSettings settings_;
  WallTime next_send_;  // zero: not chosen yet
};

}  // namespace hauspost::dns
