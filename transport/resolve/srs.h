// SRS: reverse-paths of mail that goes on to the outside under another's name. A host that forwards
// is no sender of the original domain (SPF refuses it), so it puts an address of its own there,
// which says where reports are to go back to:
//
//   SRS0=HASH=TT=domain=local@ours          from local@domain
//   SRS1=HASH=host==HASH=TT=domain=local@ours   from SRS0=HASH=TT=domain=local@host
//
// HASH: 30 bits of HMAC-SHA256 over the rest in lower case, base32. TT: the day modulo 1024, two
// base32 letters. Case does not matter, since hosts on the way may change it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace hauspost::transport {

inline constexpr int kSrsDaysMax = 21;  // reports are taken so long

// Whether a local part claims to be rewritten.
bool is_srs(std::string_view local);

// Any thread.
class Srs {
 public:
  // The first secret signs, each of them is believed. REQUIRES: at least one, none empty.
  explicit Srs(std::vector<std::string> secrets) : secrets_(std::move(secrets)) {}

  // `sender` (local@domain, the local part unquoted) at `domain`. nullopt: the local part would be
  // longer than 64 octets, or the sender is none.
  std::optional<std::string> rewrite(std::string_view sender, std::string_view domain,
                                     WallTime now) const;
  // Where a report to `local` goes. kInvalid: it is not of that form; kDenied: we did not sign it;
  // kNotFound: it is too old.
  Result<std::string> reverse(std::string_view local, WallTime now) const;

 private:
  std::string hash(const std::string& secret, std::string_view text) const;
  bool is_signed(std::string_view given, std::string_view text) const;

  std::vector<std::string> secrets_;
};

// Lines of a file; those of fewer than 16 octets and comments (#) do not count. kNotFound when there
// is none.
Result<std::vector<std::string>> srs_secrets(std::string_view file);

}  // namespace hauspost::transport
