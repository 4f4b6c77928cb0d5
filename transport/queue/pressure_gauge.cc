#include "transport/queue/pressure_gauge.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace hauspost::transport {

namespace {

using Level = Pressure::Level;

constexpr std::uint64_t kMebibyte = 1 << 20;
constexpr std::uint64_t kPercent = 100;
// Of the file system, that a limit of disk space asks for at most.
constexpr std::uint64_t kMediumShare = 10;
constexpr std::uint64_t kHighShare = 20;

struct Found {
  Level level = Level::kNormal;
  std::string cause;
};

// A tenth better than the limit, to leave a level that holds already.
std::uint64_t eased(std::uint64_t limit, bool more_is_worse, bool holds) {
  if (!holds) return limit;
  return more_is_worse ? limit - limit / 10 : limit + limit / 10;
}

struct Resource {
  std::uint64_t value = 0;
  std::uint64_t medium = 0;  // 0: off
  std::uint64_t high = 0;
  bool more_is_worse = true;

  Pressure::Level level(Pressure::Level before) const {
    const auto reached = [&](std::uint64_t limit, Pressure::Level what) {
      if (limit == 0) return false;
      const std::uint64_t at = eased(limit, more_is_worse, before >= what);
      return more_is_worse ? value >= at : value < at;
    };
    if (reached(high, Level::kHigh)) return Level::kHigh;
    return reached(medium, Level::kMedium) ? Level::kMedium : Level::kNormal;
  }
};

// Resident pages less those of files and shared memory (proc_pid_statm(5)).
std::uint64_t own_memory() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (!file) return 0;
  unsigned long size = 0;
  unsigned long resident = 0;
  unsigned long shared = 0;
  const int read = std::fscanf(file, "%lu %lu %lu", &size, &resident, &shared);
  std::fclose(file);
  constexpr int kFields = 3;
  if (read != kFields || shared > resident) return 0;
  return (resident - shared) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

std::string_view to_string(Pressure::Level level) {
  switch (level) {
    case Pressure::Level::kNormal: return "normal";
    case Pressure::Level::kMedium: return "medium";
    case Pressure::Level::kHigh: return "high";
  }
  return {};
}

Result<PressureReading> read_pressure(const std::string& path, std::uint64_t items) {
  struct statvfs disk{};
  if (::statvfs(path.c_str(), &disk) != 0) return fail(errno_error("free space of " + path));
  PressureReading reading;
  reading.disk_free_bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  reading.disk_bytes = std::uint64_t{disk.f_blocks} * disk.f_frsize;
  reading.items = items;
  reading.memory_bytes = own_memory();
  reading.memory_total_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                               static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return reading;
}

void PressureGauge::update(const PressureReading& reading) {
  const auto room = [&](std::uint32_t mib, std::uint64_t share) {
    return std::min(mib * kMebibyte, reading.disk_bytes / share);
  };
  const auto part = [&](std::uint32_t percent) {
    return reading.memory_total_bytes / kPercent * percent;
  };
  const Resource disk{reading.disk_free_bytes, room(limits_.disk_medium_mib, kMediumShare),
                      room(limits_.disk_high_mib, kHighShare), false};
  const Resource items{reading.items, limits_.items_medium, limits_.items_high, true};
  const Resource memory{reading.memory_bytes, part(limits_.memory_medium_percent),
                        part(limits_.memory_high_percent), true};
  const std::array<Found, 3> all{
      Found{disk.level(level_),
            fmt::format("{} MiB are free on the queue's disk", disk.value / kMebibyte)},
      Found{items.level(level_), fmt::format("{} messages wait", items.value)},
      Found{memory.level(level_),
            fmt::format("transport takes {} MiB of memory", memory.value / kMebibyte)}};
  const Found& worst = *std::ranges::max_element(all, {}, &Found::level);
  level_ = worst.level;
  cause_ = level_ == Level::kNormal ? std::string() : worst.cause;
}

}  // namespace hauspost::transport
