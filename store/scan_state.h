// ScanState: how far the maintenance scan of a database has come and what it found; file `scan` in
// the database's folder. Losing it costs a pass that begins anew.
#pragma once

#include <string>
#include <vector>

#include "store/disk.h"
#include "store/scan.h"

namespace hauspost::store {

inline constexpr std::string_view kScanFile = "scan";

struct ScanState {
  static constexpr std::size_t kDamageMax = 100;

  std::int64_t started_s = 0;   // Unix time of this pass, or of the last one when none is under way
  std::int64_t finished_s = 0;  // of the last whole pass; 0: there was none
  bool under_way = false;
  ScanPosition position;            // of the pass under way
  std::uint64_t bytes = 0;          // read in it
  std::vector<std::string> damage;  // found in it, as describe() says
  std::vector<std::string> before;  // found by the last whole pass
};

std::string encode(const ScanState& state);
Result<ScanState> decode_scan_state(std::string_view bytes);
// What is missing or damaged is a new state.
ScanState read_scan_state(const std::string& folder);
Result<> write_scan_state(Disk& disk, const std::string& folder, const ScanState& state);

}  // namespace hauspost::store
