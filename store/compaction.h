// Compaction: gives space back to the disk, in steps that each leave the database whole.
//
// Segments: what lives in a segment that is mostly dead is moved by ordinary records; then an image
// of the index is made unless one covers the segment's records already, as the index cannot be made
// from record 1 any more; then a record drops the segment; and once no reader that began before can
// look into it, the file goes. Index: the image, brought up to date from the log behind it, takes
// the place of an index that is mostly free pages, while the writer pauses for a moment.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/database.h"
#include "store/progress.h"

namespace hauspost::store {

struct CompactOptions {
  unsigned below_percent = 50;         // live share of a segment that is worth compacting
  std::uint64_t bytes_per_second = 0;  // of bodies moved; 0: as fast as it goes
  bool finish_segment = true;          // ends the open segment first, so that it takes part
  bool always_shrink = false;  // however little of the index is free
  bool shrink_index = true;            // when a quarter of it or more is free pages
  bool dry_run = false;                // only says what it would do
};

struct CompactReport {
  std::uint64_t segments = 0;          // looked at: all but the open one
  std::uint64_t segments_dropped = 0;  // or, for a dry run, that would be
  std::uint64_t segments_waiting = 0;  // dropped, but a reader or a backup may still look into them
  std::uint64_t segments_young = 0;    // mostly dead, but kept for OpenOptions::keep_log
  std::uint64_t bodies_moved = 0;
  std::uint64_t bytes_moved = 0;
  std::uint64_t bytes_freed = 0;  // of the log
  bool index_shrunk = false;
  std::uint64_t index_bytes_before = 0;
  std::uint64_t index_bytes_after = 0;
  std::vector<std::string> faults;  // bodies that cannot be read; their segments stay
};

}  // namespace hauspost::store
