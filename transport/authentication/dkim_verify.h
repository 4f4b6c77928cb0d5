// Checks of the DKIM signatures of a message (RFC 6376 section 6, RFC 8301, RFC 8463).
#pragma once

#include <map>
#include <set>

#include "base/clock.h"
#include "transport/authentication/dkim_signature.h"
#include "transport/dns/resolver.h"

namespace hauspost::mailauth {

inline constexpr std::size_t kSignaturesMax = 8;     // of a message; further ones are passed over
inline constexpr unsigned kRsaBitsLeast = 1024;      // RFC 8301 section 3.2
inline constexpr std::size_t kSliceBytes = 1 << 20;  // hashed before others have their turn
inline constexpr std::int64_t kClockSkew_s = 3600;   // of signers whose clocks are ahead

// RFC 8601 section 2.7.1.
enum class DkimStatus : std::uint8_t {
  kPass,
  kFail,
  kPolicy,   // good, and not acceptable: l= leaves a part of the body unsigned
  kNeutral,  // not a signature that can be checked
  kTempError,
  kPermError,
};
std::string_view to_string(DkimStatus status);

struct DkimResult {
  DkimStatus status = DkimStatus::kTempError;
  std::string domain;  // of d=, lower case; may be empty
  std::string selector;
  std::string identity;
  std::string algorithm;
  std::string signature_start;  // of b=, RFC 6008
  std::string reason;           // empty for a pass
  bool testing = false;         // t=y: the domain is trying it out
};

// Body hashes of one message, each form at most once. `message` must outlive it.
class BodyHashes {
 public:
  explicit BodyHashes(std::string_view body) : body_(body) {}
  struct Hash {
    std::string octets;
    std::uint64_t canonical_bytes = 0;
  };
  // Long bodies are hashed in slices, with other tasks having their turn between them. Several
  // tasks may ask: one of them does the work.
  Task<const Hash*> of(Canonical form);

 private:
  std::string_view body_;
  std::set<Canonical> under_way_;
  std::map<Canonical, Hash> hashes_;
};

// What a signature signs of the header: the fields of h= from below, then `own`, canonical.
std::string signed_header(const MessageParts& parts, const DkimSignature& signature,
                          std::string_view own);

// One signature whose field is `own`: its times, its key from the DNS, header and body.
Task<DkimResult> check_signature(dns::Resolver& resolver, const MessageParts& parts,
                                 BodyHashes& hashes, DkimSignature signature, std::string_view own,
                                 std::int64_t now_s);

// True when `record` is the key and `signature` its signature of `data`. The error says why not.
std::expected<void, std::string> check_key(const KeyRecord& record, Algorithm algorithm,
                                           std::string_view data, std::string_view signature);

// One key record of `name`, "s1._domainkey.example.org".
struct KeyAnswer {
  DkimStatus status = DkimStatus::kTempError;  // kPass: `record` is there
  KeyRecord record;
  std::string reason;
};
Task<KeyAnswer> find_key(dns::Resolver& resolver, std::string name);

// A DKIM-Signature field of a message, and what is said of it until it has been checked: a
// temporary error. One that cannot be checked has no `signature`, and its result is the last word.
struct FoundSignature {
  DkimResult result;
  std::optional<DkimSignature> signature;
  std::string_view own;  // the field
};
// At most kSignaturesMax, from the top. Views into what `parts` views.
std::vector<FoundSignature> find_signatures(const MessageParts& parts);

// All of them, from the top. `parts` and what it views outlive the call.
Task<std::vector<DkimResult>> verify_dkim(dns::Resolver& resolver, const MessageParts& parts,
                                          BodyHashes& hashes, WallTime now);

}  // namespace hauspost::mailauth
