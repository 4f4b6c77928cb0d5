// The recorded life: workers that change a database at random, each noting what it was told.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "store/database.h"

namespace hauspost::crash {

struct WorkloadOptions {
  std::string folder;
  std::uint64_t seed = 0;
  std::size_t workers = 4;
  std::size_t operations = 120;  // of each worker
  std::size_t reopens = 2;       // times the database is closed and opened again in between
};

// Small segments and frequent checkpoints: a short life meets every turn.
store::OpenOptions database_options(std::string folder);

Result<> run_workload(const WorkloadOptions& options);

// Copies the database of `image` to `folder`, makes every byte of it durable, notes that with a
// mark and opens it as after a restart of the machine.
Result<> run_recovery(const std::string& image, const std::string& folder);

}  // namespace hauspost::crash
