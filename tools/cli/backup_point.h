// Where in a backup: the options that name a moment, shared by the verbs that restore.
#pragma once

#include <CLI/CLI.hpp>

#include <optional>
#include <string>

#include "tools/cli/outcome.h"

namespace hauspost::child::wire {
class BackupPoint;
}  // namespace hauspost::child::wire

namespace hauspost::cli {

struct PointOptions {
  std::string folder;
  std::uint64_t set = 0;
  std::string at;
  std::optional<std::uint64_t> lsn;
};

// --at, --lsn and --set.
void add_point_options(CLI::App& verb, PointOptions& options);

// The folder becomes absolute. Exit::kUsage: the time is none.
Outcome<child::wire::BackupPoint> to_point(const PointOptions& options);

// Unix microseconds of "2026-11-21T22:51:09Z", "2026-11-21 22:51:09.25" (local time without the Z),
// or what parse_moment (amount.h) reads. nullopt: anything else.
std::optional<std::int64_t> parse_time_us(std::string_view text, std::int64_t now_s);

std::string absolute_path(const std::string& path);
// "2026-11-21 22:51:09 UTC" of Unix microseconds; "-" for 0.
std::string exact_time(std::int64_t time_us);

}  // namespace hauspost::cli
