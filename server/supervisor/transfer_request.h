// A request to import or export mail, as it is kept in a file of DATA/requests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "server/child/transfer_tally.h"

namespace hauspost::supervisor {

enum class TransferPriority : std::uint8_t {
  kLowest = 1,
  kLower,
  kLow,
  kNormal,
  kHigh,
  kHigher,
  kEmergency
};
// kInvalid: no such word.
Result<TransferPriority> parse_priority(std::string_view word);
std::string_view word_of(TransferPriority priority);

struct TransferRequest {
  enum class State : std::uint8_t {
    kQueued,
    kInProgress,  // in memory alone: after a restart it is queued
    kSuspended,
    kFailed,
    kCompleted,
  };
  Guid id;
  bool is_export = false;
  std::string name;  // unique among the mailbox's imports or exports
  Guid mailbox_guid;
  std::string mailbox;  // its address when the request was made
  std::string file;
  std::string format;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::string source_root;
  std::string target_root;
  std::optional<std::uint64_t> bad_items_max;
  std::optional<std::uint64_t> large_items_max;
  bool ignore_quota = false;
  bool exclude_dumpster = false;
  std::int64_t after_s = 0;
  std::int64_t before_s = 0;
  std::string from;
  std::string subject;
  bool dry_run = false;
  TransferPriority priority = TransferPriority::kNormal;
  std::int64_t keep_completed_s = 0;

  State state = State::kQueued;
  std::string detail;  // why it waits, failed or is suspended
  std::int64_t created_s = 0;
  std::int64_t started_s = 0;  // for the first time
  std::int64_t ended_s = 0;
  transfer::Tally tally;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  std::int64_t worked_s = 0;

  // Completed, with something left out or found odd.
  bool has_warning() const { return tally.bad != 0 || tally.large != 0 || tally.odd != 0; }
};

// "Queued", "InProgress", "Suspended", "Failed", "Completed", "CompletedWithWarning".
std::string_view state_word(const TransferRequest& request);

std::string to_stored(const TransferRequest& request);
Result<TransferRequest> from_stored(std::string_view bytes);  // kCorrupt
// What the job in the store worker is asked.
std::string to_job(const TransferRequest& request);

}  // namespace hauspost::supervisor
