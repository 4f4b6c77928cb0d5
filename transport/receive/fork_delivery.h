// One form of a message on its way into the mailboxes that can be reached now.
#pragma once

#include "base/async.h"
#include "transport/resolve/plan.h"

namespace hauspost::transport {

enum class TargetOutcome : std::uint8_t {
  kWaits,      // its worker could not be asked, or said not now; or it leaves
  kDelivered,  // in the mailbox
  kDuplicate,  // and was there already
  kExhausted,  // no room on the disk
  kOverQuota,
};

inline bool is_delivered(TargetOutcome outcome) {
  return outcome == TargetOutcome::kDelivered || outcome == TargetOutcome::kDuplicate;
}

// One outcome a target, in their order. `parts`, joined, are the message without its Return-Path;
// they must live until the call returns. Several databases work at the same time. Cancelled: the
// outcomes mean nothing.
Task<std::vector<TargetOutcome>> deliver_fork(Services& services, const Fork& fork,
                                              std::vector<std::string_view> parts);

}  // namespace hauspost::transport
