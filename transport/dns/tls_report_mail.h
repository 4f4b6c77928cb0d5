// Reports about TLS as mail (RFC 8460): who wants them, and the message.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "transport/dns/resolver.h"
#include "transport/dns/tls_reports.h"

namespace hauspost::dns {

inline constexpr std::size_t kReportAddressesMax = 5;  // of a domain

// The mailto: addresses of the records of _smtp._tls.DOMAIN (section 3). Empty: nobody asks, more
// than one record says so, or only https: is asked for, which is not offered.
std::vector<std::string> report_addresses(const std::vector<std::string>& records);

struct TlsReportMail {
  std::string submitter;  // our host name
  std::string from;       // an address
  std::string to;
  std::string domain;  // that the report is about
  std::string date;    // "2026-11-22"
  std::string report_id;
  std::string json;
};
// Section 5.3: multipart/report with the report compressed; CRLF throughout.
std::string compose_report_mail(const TlsReportMail& mail, WallTime now);

// RFC 1952; `bytes` may be anything.
std::string gzip(std::string_view bytes);

}  // namespace hauspost::dns
