// MTA-STS (RFC 8461): the policy file and the TXT record that announces it, as values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace hauspost::dns {

struct StsPolicy {
  enum class Mode : std::uint8_t { kNone, kTesting, kEnforce };
  Mode mode = Mode::kNone;
  std::vector<std::string> mx;  // lower case; "*.example.org" stands for one label more
  Seconds max_age{};
  bool operator==(const StsPolicy&) const = default;
};
std::string_view to_string(StsPolicy::Mode mode);

inline constexpr std::size_t kStsPolicyBytesMax = 64 * 1024;
inline constexpr std::size_t kStsPatternsMax = 500;
inline constexpr Seconds kStsMaxAgeMost{31'557'600};  // RFC 8461 section 3.2

// Section 3.2. A key that is not known is skipped, of a key that may stand once the first counts.
// kInvalid: not a policy, and why.
Result<StsPolicy> parse_sts_policy(std::string_view text);
// The same as lines of its file, as a report tells it.
std::vector<std::string> lines_of(const StsPolicy& policy);

// Section 3.1: the id that the records of _mta-sts.DOMAIN announce. nullopt: there is no policy, or
// more than one record says so.
std::optional<std::string> sts_id(const std::vector<std::string>& records);

// Section 4.1. `host` in lower case, without the last dot.
bool allows(const StsPolicy& policy, std::string_view host);

}  // namespace hauspost::dns
