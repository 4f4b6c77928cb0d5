// The Authenticated Received Chain (RFC 8617): what those before us found out about a message, each
// sealed by its finder.
#pragma once

#include "transport/authentication/dkim_sign.h"

namespace hauspost::mailauth {

inline constexpr unsigned kArcSetsMax = 50;  // section 4.2.1

enum class ArcStatus : std::uint8_t { kNone, kPass, kFail, kTempError };
std::string_view to_string(ArcStatus status);

struct ArcChain {
  ArcStatus status = ArcStatus::kNone;
  unsigned sets = 0;                 // the highest instance
  std::vector<std::string> sealers;  // the domain of each seal, the oldest first
  std::vector<std::string> results;  // what each found: the value behind "i=...;"
  bool ended = false;                // the newest seal says cv=fail: nobody adds another
  std::string reason;                // of kFail
};

// Structure, the newest message signature and every seal.
Task<ArcChain> verify_arc(dns::Resolver& resolver, const MessageParts& parts, BodyHashes& hashes,
                          WallTime now);

// Our set on top of `chain`: three fields, to be put in front. `results` is what an
// Authentication-Results field would say. Empty where no seal may be added.
// `body_hash` is that of the relaxed body.
std::string seal(const MessageParts& parts, const ArcChain& chain, std::string_view results,
                 const SigningKey& key, std::string_view body_hash, WallTime now);

}  // namespace hauspost::mailauth
