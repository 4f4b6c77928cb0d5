// PressureGauge: how much more mail this machine can bear, by disk, memory and the queue's length.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "transport/queue/pressure.h"

namespace hauspost::transport {

std::string_view to_string(Pressure::Level level);

// 0 switches a limit off. A limit of disk space is never more than a twentieth of the file system
// (medium: a tenth), so that a small one is not always full.
struct PressureLimits {
  std::uint32_t disk_medium_mib = 1000;  // free on the queue's file system
  std::uint32_t disk_high_mib = 500;
  std::uint32_t items_medium = 2'000'000;  // that wait
  std::uint32_t items_high = 4'000'000;
  std::uint32_t memory_medium_percent = 72;  // of the machine's, taken by this process
  std::uint32_t memory_high_percent = 75;
  bool operator==(const PressureLimits&) const = default;
};

struct PressureReading {
  std::uint64_t disk_free_bytes = 0;
  std::uint64_t disk_bytes = 0;
  std::uint64_t items = 0;
  std::uint64_t memory_bytes = 0;  // anonymous memory of this process; files' pages can be dropped
  std::uint64_t memory_total_bytes = 0;
};

// Of the file system of `path` and of this process. A few system calls, no waiting for a disk.
Result<PressureReading> read_pressure(const std::string& path, std::uint64_t items);

class PressureGauge final : public Pressure {
 public:
  void set_limits(const PressureLimits& limits) { limits_ = limits; }
  // A level is left only when what caused it is a tenth better than its limit.
  void update(const PressureReading& reading);

  Level level() const override { return level_; }
  // In words, with the numbers; empty when normal.
  const std::string& cause() const { return cause_; }

 private:
  PressureLimits limits_;
  Level level_ = Level::kNormal;
  std::string cause_;
};

}  // namespace hauspost::transport
