// Manifest of a backup set: what it holds and which moments can be restored from it. Pure
// functions; store/backup/README.md has the format.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "store/types.h"

namespace hauspost::store {

struct BackupGeneration {
  std::uint64_t number = 0;  // from 1, within its set
  bool full = false;
  std::int64_t begun_us = 0;
  std::int64_t ended_us = 0;
  Lsn lsn;                   // last record in it
  std::int64_t time_us = 0;  // of that record
  std::uint64_t epoch = 0;   // likewise
  std::uint64_t mailboxes = 0;
  std::uint64_t messages = 0;
  std::uint64_t copied_bytes = 0;
};

struct BackupImage {
  Lsn lsn;
  std::int64_t created_us = 0;
  std::uint64_t bytes = 0;
};

struct BackupSegment {
  Lsn first;
  Lsn last;
  std::int64_t oldest_us = 0;  // lowest and highest time of its records: clocks may jump
  std::int64_t newest_us = 0;
  std::uint64_t bytes = 0;  // of the file that count
  std::uint32_t crc = 0;    // CRC-32C of them
};

struct BackupManifest {
  Guid database;
  std::string name;
  std::vector<BackupGeneration> generations;  // not empty
  std::vector<BackupImage> images;
  std::vector<BackupSegment> segments;
};

std::string encode(const BackupManifest& manifest);
// kCorrupt: not a manifest, cut short, or damaged; the text says at which line.
Result<BackupManifest> decode_manifest(std::string_view text);

// Moments that can be restored: after any record from `first` to `last`.
struct LsnSpan {
  Lsn first;
  Lsn last;
};
// In rising order. What lies between two of them was compacted away before it was copied.
std::vector<LsnSpan> restorable(const BackupManifest& manifest);

// The newest image that a restore to `lsn` may begin with; null: it begins with record 1.
// REQUIRES: `lsn` is restorable.
const BackupImage* base_image(const BackupManifest& manifest, Lsn lsn);

}  // namespace hauspost::store
