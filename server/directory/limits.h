// Limits: what a mailbox may hold, as a database says for all of its mailboxes and a mailbox for
// itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hauspost::directory {

inline constexpr std::uint64_t kUnlimited = UINT64_MAX;

// One level's own word; what is not set is as the level above says: the database's for a mailbox,
// EffectiveLimits' defaults for a database. Sizes in bytes, kUnlimited allowed; times in seconds.
struct Limits {
  std::optional<std::uint64_t> warn_bytes;
  std::optional<std::uint64_t> prohibit_send_bytes;
  std::optional<std::uint64_t> prohibit_receive_bytes;
  std::optional<std::uint64_t> recoverable_bytes;
  std::optional<std::int64_t> keep_deleted_s;
  std::optional<std::int64_t> keep_disconnected_s;  // a database's only
  std::optional<std::uint64_t> message_bytes_max;
  std::optional<std::uint32_t> sessions_max;
  bool operator==(const Limits&) const = default;
};

// What holds for one mailbox. The defaults are those of a database that says nothing.
struct EffectiveLimits {
  std::uint64_t warn_bytes = kUnlimited;
  std::uint64_t prohibit_send_bytes = kUnlimited;
  std::uint64_t prohibit_receive_bytes = kUnlimited;
  std::uint64_t recoverable_bytes = 30ULL << 30;  // of deleted messages; then the oldest go early
  std::int64_t keep_deleted_s = 14 * 24 * 3600;   // 0: deleted messages are gone at once
  std::int64_t keep_disconnected_s = 30LL * 24 * 3600;
  std::uint64_t message_bytes_max = kUnlimited;  // the server's own limit holds all the same
  std::uint32_t sessions_max = 40;               // of one user and protocol at once
  bool operator==(const EffectiveLimits&) const = default;
};

// Applies one level's word.
void apply(const Limits& limits, EffectiveLimits& to);

// A change of one level: what `set` names is set, then what `unset` names goes back to the level
// above.
struct LimitChanges {
  Limits set;
  Limits unset;  // values do not matter
};
void apply(const LimitChanges& changes, Limits& to);

}  // namespace hauspost::directory
