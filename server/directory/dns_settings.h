// What an administrator sets for DNS, MTA-STS and reports about TLS: free settings of the directory
// with a meaning. Transport asks again whenever the directory changed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/directory/directory.h"

namespace hauspost::directory {

class DirectoryWriter;

struct DnsSettings {
  enum class TrustAd : std::uint8_t { kAuto, kYes, kNo };
  // Addresses, "192.0.2.53" or "[2001:db8::1]:5353". Empty: those of /etc/resolv.conf.
  std::vector<std::string> servers;
  // Asked about the domains that mail leaves for, their policies and reports; empty: the same.
  std::vector<std::string> external_servers;
  TrustAd trust_ad = TrustAd::kAuto;  // auto: of servers on this machine
  std::uint32_t timeout_ms = 5'000;   // of the first try of a server
  std::uint32_t tries = 3;            // of each server
  bool sts = true;                    // policies of MTA-STS are looked for and followed
  std::string sts_ca_file;            // authorities beside the system's; empty: none
  std::string web_proxy;              // "http://192.0.2.1:3128", for policies; empty: none
  bool tls_reports = false;           // results are collected and sent daily (RFC 8460)
  std::string tls_report_from;        // address that reports come from; empty: postmaster@host name
  std::string tls_report_organization;  // empty: the host name
  bool operator==(const DnsSettings&) const = default;
};

inline constexpr std::size_t kDnsServersMax = 8;  // of a list
inline constexpr std::uint32_t kDnsTimeoutLeast = 100;
inline constexpr std::uint32_t kDnsTimeoutMost = 30'000;
inline constexpr std::uint32_t kDnsTriesMost = 10;

std::string_view to_string(DnsSettings::TrustAd trust);

// What was never set, and what cannot be read, has its default.
Result<DnsSettings> dns_settings(const DirectoryReader& reader);
// kInvalid: a value that cannot be; nothing was written.
Result<> check(const DnsSettings& settings);
// As check(); a failure of the disk may leave a part written.
Result<> set_dns_settings(DirectoryWriter& writer, const DnsSettings& settings);

}  // namespace hauspost::directory
