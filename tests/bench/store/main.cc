// What the store costs on this disk (tests/bench/README.md).
//   bench_store FOLDER [SECONDS] [deliveries|alone|together|reading|opening|recovery|deleting|memory ...]
// FOLDER must not exist; it is removed at the end.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "tests/bench/store/measure.h"

using namespace hauspost::bench;

int main(int argc, char** argv) {
  if (argc < 2) give_up("usage: bench_store FOLDER [SECONDS] [MEASURE ...]");
  const std::string folder = argv[1];
  const double duration_s = argc > 2 ? std::stod(argv[2]) : 3;
  const std::vector<std::string> wanted(argv + std::min(argc, 3), argv + argc);
  const std::pair<std::string, std::function<void(const std::string&)>> measures[] = {
      // First, while the process has done nothing else.
      {"memory", measure_memory},
      {"deliveries", [&](const std::string& path) { measure_deliveries(path, duration_s); }},
      {"alone", [&](const std::string& path) { measure_alone(path, duration_s); }},
      {"together", [&](const std::string& path) { measure_together(path, duration_s); }},
      {"reading", measure_reading},
      {"opening", measure_opening},
      {"recovery", measure_recovery},
      {"deleting", measure_deleting},
  };
  if (!std::filesystem::create_directory(folder)) give_up("the folder exists");
  for (const auto& [name, measure] : measures) {
    if (!wanted.empty() && std::ranges::find(wanted, name) == wanted.end()) continue;
    measure(folder + "/" + name);
    std::filesystem::remove_all(folder + "/" + name);
  }
  std::filesystem::remove_all(folder);
  return 0;
}
