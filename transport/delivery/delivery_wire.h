// The delivery call as values and bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace hauspost::transport {

inline constexpr std::uint16_t kMethodDeliver = 1;
inline constexpr std::uint16_t kMethodUsage = 2;
inline constexpr std::size_t kDeliverTargetsMax = 1000;

struct DeliverTarget {
  Guid mailbox;
  std::string label;
  std::string folder = "INBOX";
};

struct DeliverRequest {
  Guid delivery;
  std::int64_t internal_date_s = 0;
  std::vector<DeliverTarget> targets;
  Guid session;  // nil: none
  Guid user;     // nil: not authenticated
};

// Every fault of ours is a retry, never a bounce.
struct DeliverResult {
  enum class Outcome : std::uint8_t { kDelivered, kDuplicate, kExhausted, kRetry, kOverQuota };
  Outcome outcome = Outcome::kRetry;
  std::string text;
  bool nearly_full = false;  // the mailbox, that is

  bool is_delivered() const {
    return outcome == Outcome::kDelivered || outcome == Outcome::kDuplicate;
  }
};

// What stands behind the message in the body of a call.
std::string to_trailer(const DeliverRequest& request);
// Takes the trailer off the end of `body`, which is left as the message: no octet of it moves.
// kCorrupt when there is none.
Result<DeliverRequest> take_trailer(std::string& body);

std::string to_wire(std::span<const DeliverResult> results);
Result<std::vector<DeliverResult>> deliver_results_from_wire(std::string_view bytes);

std::string usage_request_to_wire(const Guid& mailbox);
Result<Guid> usage_request_from_wire(std::string_view bytes);
std::string usage_to_wire(std::uint64_t used);
Result<std::uint64_t> usage_from_wire(std::string_view bytes);

}  // namespace hauspost::transport
