// AttemptMarks: which items are being tried just now, in memory that outlives the process, so that
// the next one knows during which attempt it died. Costs no system call an attempt.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace hauspost::transport {

struct MarkedItem {
  std::uint32_t folder = 0;
  std::uint32_t uid = 0;
  auto operator<=>(const MarkedItem&) const = default;
};

// A file that is mapped and shared: a killed process leaves it as it was. A machine that loses
// power loses marks, which are no crash then.
class AttemptMarks {
 public:
  // An item is poison when the process failed by itself (a signal such as SIGSEGV, or abort) in so
  // many attempts of it, or was killed in so many.
  static constexpr std::uint32_t kFaultsMax = 2;
  static constexpr std::uint32_t kKillsMax = 5;

  // Opens or creates PATH, and counts what was under way when the last process died. Blocks.
  static Result<AttemptMarks> open(const std::string& path);
  AttemptMarks(AttemptMarks&& other) noexcept;
  AttemptMarks& operator=(AttemptMarks&&) = delete;
  ~AttemptMarks();

  // Items that must not be tried again; the caller moves them and then calls forget().
  std::vector<MarkedItem> poisonous() const;
  // Under way at some death: tried one at a time until an attempt ends in order, so that the next
  // death tells which of them it was.
  bool is_suspect(MarkedItem item) const { return counts_.contains(item); }
  void begin(MarkedItem item);
  // The attempt ended in order.
  void end(MarkedItem item);
  void forget(MarkedItem item);

  // Notes in the file that this process dies of a fault, for as long as the object lives: signal
  // handlers of the whole process. REQUIRES: at most one object of the process does so.
  void watch_for_faults();

 private:
  struct Page;
  struct Count {
    std::uint32_t faults = 0;
    std::uint32_t kills = 0;
  };
  explicit AttemptMarks(Page* page) : page_(page) {}
  void count_last_death();
  void write_counts();

  Page* page_;
  std::map<MarkedItem, Count> counts_;
  std::map<MarkedItem, std::size_t> slots_;
  std::vector<std::size_t> free_;
};

}  // namespace hauspost::transport
