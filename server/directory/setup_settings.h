// What an administrator said of how the world is to see the server: free settings of the directory
// with a meaning. The CLI makes DNS records of them and compares what is published.
#pragma once

#include <string>
#include <vector>

#include "server/directory/directory.h"

namespace hauspost::directory {

class DirectoryWriter;

struct SetupSettings {
  // What A and AAAA of the host name are to say; empty: the addresses of this machine.
  std::vector<std::string> public_addresses;
  std::string dmarc_policy = "none";     // one of kDmarcPolicies
  std::string dmarc_reports_to;          // address; empty: nobody asks for reports
  std::string tls_reports_to;            // likewise, RFC 8460
  std::vector<std::string> authorities;  // that may issue certificates (RFC 8659); empty: no CAA
  std::vector<std::string> spf;  // mechanisms beside our own addresses, "include:relay.example.net"
  bool private_box = false;      // nothing is published: no check asks the DNS or the Internet
  std::string administrator;     // whom the server writes to; empty: nobody
  bool tlsa = false;             // TLSA records are published (DANE)
  bool under_way = false;        // a set-up has begun and not ended: the next one goes on
  bool operator==(const SetupSettings&) const = default;
};

inline constexpr std::string_view kDmarcPolicies[] = {"none", "quarantine", "reject"};
inline constexpr std::size_t kPublicAddressesMax = 16;
inline constexpr std::size_t kAuthoritiesMax = 8;
inline constexpr std::size_t kSpfMechanismsMax = 16;

// What was never set, and what cannot be read, has its default.
Result<SetupSettings> setup_settings(const DirectoryReader& reader);
// kInvalid: a value that cannot be; nothing was written.
Result<> check(const SetupSettings& settings);
// As check(); a failure of the disk may leave a part written.
Result<> set_setup_settings(DirectoryWriter& writer, const SetupSettings& settings);

}  // namespace hauspost::directory
