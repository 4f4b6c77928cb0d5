// What every measure of this folder uses.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "store/database.h"

namespace hauspost::bench {

using Steady = std::chrono::steady_clock;

double seconds_since(Steady::time_point start);
// CPU time of this process so far, user and system.
double cpu_s();
// In RAM now (smaps_rollup). Mapped files count as private when nobody else maps them, though they
// are the page cache's.
struct Memory {
  double private_mib = 0;
  double anonymous_mib = 0;
};
Memory memory();
[[noreturn]] void give_up(std::string_view why);
// Runs `task` to its end on an io_context of its own.
void run(const std::function<Task<void>(Executor)>& task);

Guid numbered(std::uint64_t kind, std::uint64_t number);
// As a mail program writes it: a header of 16 fields, then text. `number` varies subject and names.
std::string make_message(std::size_t bytes, std::uint64_t number);
store::OpenOptions options_for(const std::string& folder);
std::unique_ptr<store::Database> open_database(store::OpenOptions options);

// The measures, each in a database below `folder` that it leaves to be removed.
void measure_deliveries(const std::string& folder, double duration_s);
void measure_alone(const std::string& folder, double duration_s);
void measure_together(const std::string& folder, double duration_s);
void measure_reading(const std::string& folder);
void measure_opening(const std::string& folder);
void measure_recovery(const std::string& folder);
void measure_deleting(const std::string& folder);
void measure_memory(const std::string& folder);

}  // namespace hauspost::bench
