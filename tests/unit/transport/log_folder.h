// What tests of files need beside the rig: a folder of their own and a clock that stands still.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "base/clock.h"

namespace hauspost::transport::test {

class LogFolder {
 public:
  LogFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "hauspost-log-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    root_ = name;
  }
  ~LogFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  LogFolder(const LogFolder&) = delete;
  LogFolder& operator=(const LogFolder&) = delete;
  std::string path(std::string_view name) const { return (root_ / name).string(); }

 private:
  std::filesystem::path root_;
};

class StandingClock final : public Clock {
 public:
  WallTime now() const override { return wall; }
  std::chrono::steady_clock::time_point steady() const override { return steady_now; }
  void pass(Seconds seconds) {
    wall += seconds;
    steady_now += seconds;
  }
  WallTime wall = WallTime(std::chrono::seconds(1795288500));  // Sat, 21 Nov 2026 19:15:00 +0000
  std::chrono::steady_clock::time_point steady_now{std::chrono::hours(1)};
};

}  // namespace hauspost::transport::test
