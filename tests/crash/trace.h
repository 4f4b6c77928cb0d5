// A recorded trace in memory, and the folder a power loss at one of its points may leave behind.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tests/crash/trace_format.h"

namespace hauspost::crash {

struct Event {
  EventHeader header;
  std::string_view data;
};

class Trace {
 public:
  // kCorrupt: the file ends inside an event.
  static Result<Trace> load(const std::string& path);

  const std::vector<Event>& events() const { return events_; }

 private:
  std::unique_ptr<std::string> bytes_;  // the events point into it, wherever the Trace moves
  std::vector<Event> events_;
};

// Which syncs the disk pretends to obey. Everything but kAll is a lying disk, for negative
// controls.
enum class Obey : std::uint8_t { kAll, kNoneOfLog, kNoneOfIndex };

// Writes into the empty folder `into` what a disk may hold when the power fails after event
// `point` (0: before the first). What a completed sync covers is there; of every page (or, per file
// by chance, every 512-byte sector) written since, any version; of a file's size and of a folder's
// entries changed since, any earlier state in their order. `point` past the end with
// `everything` gives exactly what the process left behind.
struct LossOptions {
  std::size_t point = 0;
  bool everything = false;
  Obey obey = Obey::kAll;
};
Result<> write_image(const Trace& trace, LossOptions options, std::mt19937_64& random,
                     const std::string& into);

}  // namespace hauspost::crash
