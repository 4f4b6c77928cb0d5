// FaultDisk: the real disk with a bad day. It fails, or forgets what was not synced, at a chosen
// operation.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <random>
#include <vector>

#include "store/disk.h"

namespace hauspost::store::test {

class FaultDisk final : public Disk {
 public:
  enum class Fault { kNone, kCrash, kError, kNoSpace };
  enum class Kind { kWrite, kSync, kAllocate, kOther };

  // Operation number `at` (from 1) fails, and with kCrash every one after it. Start over with 0.
  void arm(Fault fault, std::uint64_t at);
  // As above, counting only operations of this kind.
  void arm(Fault fault, std::uint64_t at, Kind only);
  std::uint64_t operations() const { return operations_; }
  bool hit() const { return hit_; }
  // From now on syncs succeed and make nothing durable.
  void lie_about_syncs() { lying_ = true; }
  // Called before a file is opened or gets its name: what lies around the disk can be noted.
  std::function<void(const std::string& path)> before_open;
  std::function<void(const std::string& from, const std::string& to)> before_rename;
  void set_free_bytes(std::optional<std::uint64_t> bytes) { free_bytes_ = bytes; }

  // Power loss: of each write that no sync followed, only some bytes (or none) reached the disk;
  // renames and removals that no folder sync followed may be undone. REQUIRES: nobody uses the disk
  // any more.
  void lose_power(std::mt19937_64& random);

  Result<std::unique_ptr<DiskFile>> open(const std::string& path) override;
  Result<> rename(const std::string& from, const std::string& to) override;
  Result<> remove(const std::string& path) override;
  Result<> sync_folder(const std::string& path) override;
  Result<std::uint64_t> free_bytes(const std::string& path) override;
  Result<> allocate(int descriptor, std::uint64_t offset, std::uint64_t bytes) override;

 private:
  class File;
  struct Undo {
    std::shared_ptr<int> descriptor;  // shared with the file; null for a rename
    std::uint64_t inode = 0;
    std::uint64_t offset = 0;
    std::string before;                   // bytes that were there; shorter at the file's end
    std::uint64_t bytes = 0;              // that were written
    std::string from, to;                 // of a rename; of a removal `to` alone
    std::optional<std::string> replaced;  // what `to` held
  };
  Result<> step(Kind kind);
  void undo_write(const Undo& undo, std::mt19937_64& random);
  void undo_sectors(const Undo& undo, std::mt19937_64& random);
  static constexpr std::uint64_t kSector = 512;

  std::mutex mutex_;  // guards what follows
  Fault fault_ = Fault::kNone;
  std::uint64_t at_ = 0;
  std::optional<Kind> only_;
  std::atomic<std::uint64_t> operations_ = 0;
  std::atomic<bool> hit_ = false;
  std::optional<std::uint64_t> free_bytes_;
  std::atomic<bool> lying_ = false;
  std::vector<Undo> unsynced_;
};

}  // namespace hauspost::store::test
