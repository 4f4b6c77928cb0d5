// DMARC (RFC 7489 with RFC 9091's np=): what the owner of the From domain wants done with mail that
// is not authenticated as its own.
#pragma once

#include <expected>

#include "transport/authentication/dkim_verify.h"
#include "transport/authentication/domains.h"
#include "transport/authentication/spf.h"

namespace hauspost::mailauth {

inline constexpr std::size_t kReportAddressesMax = 5;
inline constexpr std::size_t kFromDomainsMax = 4;  // of one message; more is no mail that is meant

enum class DmarcPolicy : std::uint8_t { kNone, kQuarantine, kReject };  // from mild to strict
std::string_view to_string(DmarcPolicy policy);

struct DmarcRecord {
  DmarcPolicy policy = DmarcPolicy::kNone;
  std::optional<DmarcPolicy> subdomains;   // sp=
  std::optional<DmarcPolicy> nonexistent;  // np=
  bool strict_dkim = false;
  bool strict_spf = false;
  unsigned percent = 100;
  std::vector<std::string> report_to;  // mailto: addresses of rua=, without their size limits
};
// RFC 7489 section 6.3. The error says what is wrong; a record that is not DMARC at all is "".
std::expected<DmarcRecord, std::string> parse_dmarc_record(std::string_view text);

// What is said of a message (RFC 7489 section 11.2).
enum class DmarcStatus : std::uint8_t { kNone, kPass, kFail, kTempError, kPermError };
std::string_view to_string(DmarcStatus status);

// The policy that holds for a domain.
struct DmarcFound {
  DmarcStatus status = DmarcStatus::kNone;  // kPass: `record` is there
  DmarcRecord record;
  std::string owner;         // the domain whose record it is
  bool below = false;        // the domain is a subdomain of `owner`
  bool nonexistent = false;  // and does not exist; known only where np= makes it matter
};
Task<DmarcFound> find_dmarc(dns::Resolver& resolver, const PublicSuffixes& suffixes,
                            std::string domain);

struct DmarcVerdict {
  DmarcStatus status = DmarcStatus::kNone;
  std::string domain;  // of From, A-labels; empty: there is none
  std::string owner;   // whose record it is
  DmarcRecord record;
  DmarcPolicy wanted = DmarcPolicy::kNone;   // by the record for this domain, of a fail
  DmarcPolicy applied = DmarcPolicy::kNone;  // after pct=
  bool dkim_aligned = false;
  bool spf_aligned = false;
  bool hidden = false;  // From may name domains that were not looked at
};

// `roll` is from 0 to 99: below pct= the policy holds, else the next milder one.
DmarcVerdict judge_dmarc(const PublicSuffixes& suffixes, std::string domain,
                         const DmarcFound& found, const SpfVerdict& spf,
                         const std::vector<DkimResult>& dkim, unsigned roll);

// The domains of the message's From fields, A-labels, each once. Empty: none that can be read.
// `left_out` becomes true when there are, or may be, more of them.
std::vector<std::string> from_domains(const MessageParts& parts, bool* left_out = nullptr);

}  // namespace hauspost::mailauth
