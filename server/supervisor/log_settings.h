// [log] of hauspost.toml: where log lines go.
#pragma once

#include <cstdint>
#include <string>

namespace hauspost::supervisor {

struct LogSettings {
  enum class Target : std::uint8_t {
    kAuto,     // the journal when standard error is one of its streams, else standard error
    kStderr,   // as it is: nothing stands between
    kJournal,  // systemd's, with every key as a field
    kFile,
  };
  Target target = Target::kAuto;
  std::string level = "info";  // a word of base/log.h, for every process as it starts
  std::string file;            // absolute; empty: DATA/log/hauspost.log
  std::uint64_t rotate_bytes = 64ULL << 20;
  bool rotate_daily = true;
  std::uint32_t keep = 14;  // files beside the one that is written
  bool compress = true;     // of those, by gzip
};

// The file as it is: the default filled in.
std::string log_file(const LogSettings& settings, const std::string& data_root);

}  // namespace hauspost::supervisor
