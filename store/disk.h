// Disk: what the change log and the checkpoint do to files, so that a test can fail or forget any
// of it. Reading goes around it: what was written is in the page cache.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hauspost::store {

// REQUIRES: one thread at a time. Closed by the destructor.
class DiskFile {
 public:
  virtual ~DiskFile() = default;
  // All of `parts`, one after the other, at `offset`. On failure any of it may have been written.
  virtual Result<> write_at(std::uint64_t offset, std::span<const std::string_view> parts) = 0;
  // Data and what is needed to find it again (fdatasync). A failure is never to be retried.
  virtual Result<> sync() = 0;
  virtual Result<std::uint64_t> size() = 0;
  // Blocks for a range behind the file's end, which grows; they hold zeros. What is then written
  // there cannot fail for want of space. kExhausted: the disk has too few left.
  virtual Result<> allocate(std::uint64_t offset, std::uint64_t bytes) = 0;
};

// Thread-safe.
class Disk {
 public:
  virtual ~Disk() = default;
  // For writing, created empty when it does not exist.
  virtual Result<std::unique_ptr<DiskFile>> open(const std::string& path) = 0;
  virtual Result<> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<> remove(const std::string& path) = 0;  // fine when it does not exist
  // Makes creations, renames and removals in this folder durable. A failure is never to be retried.
  virtual Result<> sync_folder(const std::string& path) = 0;
  virtual Result<std::uint64_t> free_bytes(const std::string& path) = 0;
  // Blocks for a range of a file that somebody else writes; its length stays. kExhausted.
  virtual Result<> allocate(int descriptor, std::uint64_t offset, std::uint64_t bytes) = 0;
};

Disk& real_disk();

// Writes `bytes` as the whole of `path`: temporary file, sync, rename, folder sync.
Result<> replace_file(Disk& disk, const std::string& folder, const std::string& name,
                      std::string_view bytes);
// Makes the name of a folder durable in the one above. Nothing to do where we may not look into that
// one: then somebody else has made the folder, and its name durable.
Result<> sync_name(Disk& disk, const std::string& folder);
// The whole of a small file. kNotFound; kCorrupt when longer than `bytes_max`.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);

}  // namespace hauspost::store
