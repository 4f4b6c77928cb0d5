// What the workload was told, in the order in which it was told: kept as marks in the trace, so
// that each mark stands between the very writes and syncs it lies between. Several workers, each
// with a mailbox of its own and one operation under way at a time, so that after any crash a
// worker's mailbox must be exactly what its last answered operation left, or what the one under way
// makes.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "store/types.h"
#include "tests/crash/trace.h"

namespace hauspost::crash {

struct MessageKey {
  std::uint32_t folder = 0;
  std::uint32_t uid = 0;
  auto operator<=>(const MessageKey&) const = default;
};
struct MessageFacts {
  std::string token;  // names the message and decides its bytes
  store::FlagBits flags = 0;
  bool operator==(const MessageFacts&) const = default;
};
struct FolderFacts {
  std::uint32_t uid_next = 0;  // highest that a client was shown
  std::uint64_t modseq = 0;
};

// One worker's mailbox.
struct Model {
  std::map<MessageKey, MessageFacts> messages;
  std::map<std::string, std::uint32_t> folders;  // by path; those the worker knows
  std::map<std::uint32_t, FolderFacts> seen;     // highest numbers shown
  std::map<std::string, std::uint32_t> shared;   // token -> UID in the shared mailbox

  // Applies the lines of one answer: "+ folder uid token flags", "- folder uid",
  // "= folder uid flags", "F path folder", "X path", "M folder uid_next modseq", "s uid token".
  void apply(std::string_view lines);
};

struct Delivery {
  Guid id;
  std::string token;
};

// One operation of one worker.
struct Operation {
  std::size_t begun_at = 0;     // events of the trace before it
  std::size_t answered_at = 0;  // 0: never answered
  std::optional<Delivery> delivery;
  std::string answer;
};

class Ledger {
 public:
  static Result<Ledger> read(const Trace& trace);
  std::size_t workers() const { return operations_.size(); }
  const std::vector<Operation>& operations(std::size_t worker) const { return operations_[worker]; }

 private:
  std::vector<std::vector<Operation>> operations_;
};

// The workload's side: text of the marks.
std::string begin_mark(std::size_t worker, const std::optional<Delivery>& delivery);
std::string answer_mark(std::size_t worker, const std::string& lines);

// Deterministic facts both sides agree on.
Guid database_guid();
Guid worker_mailbox(std::size_t worker);
Guid shared_mailbox();
std::string message_bytes(std::string_view token);
// The token of a message's bytes; empty when the bytes are not exactly what its token says.
std::string token_of(std::string_view bytes);

}  // namespace hauspost::crash
