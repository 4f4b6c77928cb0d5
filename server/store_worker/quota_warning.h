// What a user is told when the mailbox fills.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "server/directory/limits.h"

namespace hauspost::store_worker {

// How full, in rising order.
enum class QuotaLevel : std::uint8_t { kFine, kWarn, kNoSending, kFull };

QuotaLevel quota_level(std::uint64_t bytes, const directory::EffectiveLimits& limits);
// "ok", "warn", "no-send", "full".
std::string_view to_string(QuotaLevel level);

struct QuotaWarning {
  QuotaLevel level = QuotaLevel::kWarn;
  std::string address;   // of the mailbox
  std::string hostname;  // ours
  std::uint64_t bytes = 0;
  directory::EffectiveLimits limits;
  Guid id;
  WallTime time;
};
// A whole message (RFC 5322, RFC 3834).
std::string quota_warning_text(const QuotaWarning& warning);

// The same for the same mailbox, level and day: the store delivers it once.
Guid quota_warning_id(const Guid& mailbox, QuotaLevel level, WallTime time);

}  // namespace hauspost::store_worker
