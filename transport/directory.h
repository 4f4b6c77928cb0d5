// What transport asks the organisation's directory. Implemented by whoever owns the directory; in
// tests by a map.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace hauspost::transport {

inline constexpr std::uint64_t kNoLimit = UINT64_MAX;

// Where mail for an address goes.
struct Resolved {
  enum class Kind : std::uint8_t {
    kMailbox,      // ours, and somebody has it
    kUnknown,      // an accepted domain, but nobody has this address
    kForeign,      // not an accepted domain
    kUnavailable,  // the directory cannot say now
  };
  Kind kind = Kind::kUnavailable;
  // Of kMailbox:
  Guid mailbox;
  std::string label;     // primary address
  std::string database;  // its name; mounted or not
  std::string socket;    // path of the database's delivery socket
  std::uint64_t quota_bytes = kNoLimit;        // the mailbox takes nothing beyond
  std::uint64_t message_bytes_max = kNoLimit;  // one message for it
};

// What a user may do who sends.
struct SenderRules {
  std::string socket;  // of the database that the user's mailbox is in
  std::uint64_t prohibit_send_bytes = kNoLimit;  // nothing while the mailbox holds that much
  std::uint64_t message_bytes_max = kNoLimit;
};

// Called from the io thread; each call is a memory read and must not block.
class Directory {
 public:
  virtual ~Directory() = default;

  // `address` is local@domain as the client spelt it, local part unquoted.
  virtual Resolved resolve(std::string_view address) const = 0;
  virtual Result<bool> is_accepted_domain(std::string_view domain) const = 0;
  // True when `address` is the primary address or an alias of the mailbox.
  virtual Result<bool> owns_address(const Guid& mailbox, std::string_view address) const = 0;
  virtual Result<SenderRules> sender_rules(const Guid&) const { return SenderRules{}; }
};

}  // namespace hauspost::transport
