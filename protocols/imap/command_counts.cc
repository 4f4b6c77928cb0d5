#include "protocols/imap/command_counts.h"

#include <array>

#include "base/metrics.h"

namespace hauspost::imap {

namespace {

metrics::CounterFamily g_commands("hauspost_imap_commands_total",
                                  "IMAP commands after login, by name and outcome.",
                                  {"command", "outcome"});
metrics::HistogramFamily g_times("hauspost_imap_command_seconds",
                                 "Time of IMAP commands until all of the answer was written, by "
                                 "name; IDLE is left out.",
                                 metrics::latency_buckets(), {"command"});

constexpr std::size_t kNames = static_cast<std::size_t>(CommandName::kUnsubscribe) + 1;
constexpr std::string_view kOutcomes[] = {"ok", "no", "bad", "gone"};
constexpr std::size_t kGone = 3;

// Found once, for commands are many.
struct Known {
  std::array<std::atomic<metrics::Counter*>, std::size(kOutcomes)> counters{};
  std::atomic<metrics::Histogram*> times = nullptr;
};

Known& known(CommandName name) {
  static std::array<Known, kNames> all;
  return all[static_cast<std::size_t>(name)];
}

}  // namespace

void count_command(const CommandEntry& entry, const Result<Reply>& answered, Duration time) {
  const std::size_t outcome = answered ? static_cast<std::size_t>(answered->status) : kGone;
  Known& here = known(entry.name);
  metrics::Counter* counter = here.counters[outcome].load(std::memory_order_relaxed);
  if (counter == nullptr) {
    counter = &g_commands.with({entry.word, kOutcomes[outcome]});
    here.counters[outcome].store(counter, std::memory_order_relaxed);
  }
  counter->add();
  if (entry.name == CommandName::kIdle) return;
  metrics::Histogram* times = here.times.load(std::memory_order_relaxed);
  if (times == nullptr) {
    times = &g_times.with({entry.word});
    here.times.store(times, std::memory_order_relaxed);
  }
  times->observe(time);
}

}  // namespace hauspost::imap
