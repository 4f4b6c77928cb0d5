// check_host() of RFC 7208 section 4: may this client send for this domain?
#pragma once

#include "base/clock.h"
#include "transport/authentication/spf_record.h"
#include "transport/dns/resolver.h"

namespace hauspost::mailauth {

// RFC 7208 section 4.6.4.
inline constexpr unsigned kSpfLookupsMax = 10;
inline constexpr unsigned kSpfVoidLookupsMax = 2;
inline constexpr std::size_t kSpfNamesMax = 10;  // of one MX or PTR answer

enum class SpfResult : std::uint8_t {
  kNone,
  kNeutral,
  kPass,
  kFail,
  kSoftFail,
  kTempError,
  kPermError,
};
std::string_view to_string(SpfResult result);

struct SpfQuestion {
  std::string client;  // its address
  std::string helo;
  std::string sender;    // as it stands between <>; empty: postmaster at `helo` is asked about
  std::string receiver;  // our name, for explanations
  WallTime now;
};

struct SpfVerdict {
  SpfResult result = SpfResult::kNone;
  std::string domain;       // whose policy it is; empty: there is none to ask about
  bool of_helo = false;     // the domain is that of HELO
  std::string explanation;  // of a fail, by the domain's owner; ASCII; may be empty
  std::string problem;      // of the errors
};

// Never fails; cancelled and unanswered look-ups are kTempError.
Task<SpfVerdict> check_spf(dns::Resolver& resolver, SpfQuestion question);

}  // namespace hauspost::mailauth
