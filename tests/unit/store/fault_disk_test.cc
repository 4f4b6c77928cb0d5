#include "fault_disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"

namespace hauspost::store::test {

class FaultDisk::File final : public DiskFile {
 public:
  File(FaultDisk& disk, std::unique_ptr<DiskFile> real, int descriptor)
      : disk_(disk), real_(std::move(real)), descriptor_(new int(descriptor), [](const int* held) {
          ::close(*held);
          delete held;
        }) {
    struct stat info;
    REQUIRE(::fstat(descriptor, &info) == 0);
    inode_ = info.st_ino;
  }

  Result<> write_at(std::uint64_t offset, std::span<const std::string_view> parts) override {
    TRY(disk_.step(Kind::kWrite));
    Undo undo;
    undo.descriptor = descriptor_;
    undo.inode = inode_;
    undo.offset = offset;
    for (const std::string_view part : parts) undo.bytes += part.size();
    undo.before.resize(undo.bytes);
    const ssize_t had =
        ::pread(*descriptor_, undo.before.data(), undo.before.size(), static_cast<off_t>(offset));
    undo.before.resize(static_cast<std::size_t>(std::max<ssize_t>(had, 0)));
    {
      const std::scoped_lock lock(disk_.mutex_);
      disk_.unsynced_.push_back(std::move(undo));
    }
    return real_->write_at(offset, parts);
  }

  Result<> sync() override {
    TRY(disk_.step(Kind::kSync));
    if (disk_.lying_) return {};
    const std::scoped_lock lock(disk_.mutex_);
    std::erase_if(disk_.unsynced_,
                  [&](const Undo& undo) { return undo.descriptor && undo.inode == inode_; });
    return {};
  }

  Result<std::uint64_t> size() override { return real_->size(); }

  Result<> allocate(std::uint64_t offset, std::uint64_t bytes) override {
    TRY(disk_.step(Kind::kAllocate));
    return real_->allocate(offset, bytes);
  }

 private:
  FaultDisk& disk_;
  std::unique_ptr<DiskFile> real_;
  std::shared_ptr<int> descriptor_;
  std::uint64_t inode_ = 0;  // a sync is one of the file, however it was opened
};

void FaultDisk::arm(Fault fault, std::uint64_t at) {
  const std::scoped_lock lock(mutex_);
  fault_ = fault;
  at_ = at;
  only_.reset();
  operations_ = 0;
  hit_ = false;
}

void FaultDisk::arm(Fault fault, std::uint64_t at, Kind only) {
  arm(fault, at);
  const std::scoped_lock lock(mutex_);
  only_ = only;
}

Result<> FaultDisk::step(Kind kind) {
  const std::scoped_lock lock(mutex_);
  if (hit_ && fault_ == Fault::kCrash) return fail(errno_error("after the crash", EIO));
  if (only_ && *only_ != kind) return {};
  if (++operations_ != at_ || fault_ == Fault::kNone) return {};
  hit_ = true;
  return fail(errno_error("injected", fault_ == Fault::kNoSpace ? ENOSPC : EIO));
}

Result<std::unique_ptr<DiskFile>> FaultDisk::open(const std::string& path) {
  TRY(step(Kind::kOther));
  if (before_open) before_open(path);
  TRY_ASSIGN(auto real, real_disk().open(path));
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(descriptor >= 0);
  return std::make_unique<File>(*this, std::move(real), descriptor);
}

Result<> FaultDisk::rename(const std::string& from, const std::string& to) {
  TRY(step(Kind::kOther));
  if (before_rename) before_rename(from, to);
  Undo undo;
  undo.from = from;
  undo.to = to;
  if (std::filesystem::exists(to)) undo.replaced = read_whole(to);
  TRY(real_disk().rename(from, to));
  const std::scoped_lock lock(mutex_);
  unsynced_.push_back(std::move(undo));
  return {};
}

Result<> FaultDisk::remove(const std::string& path) {
  TRY(step(Kind::kOther));
  Undo undo;
  undo.to = path;
  if (std::filesystem::exists(path)) undo.replaced = read_whole(path);
  TRY(real_disk().remove(path));
  const std::scoped_lock lock(mutex_);
  if (undo.replaced) unsynced_.push_back(std::move(undo));
  return {};
}

Result<> FaultDisk::sync_folder(const std::string& path) {
  TRY(step(Kind::kSync));
  if (lying_) return {};
  const std::scoped_lock lock(mutex_);
  std::erase_if(unsynced_, [&](const Undo& undo) {
    return !undo.to.empty() && std::filesystem::path(undo.to).parent_path() == path;
  });
  return {};
}

Result<> FaultDisk::allocate(int descriptor, std::uint64_t offset, std::uint64_t bytes) {
  TRY(step(Kind::kAllocate));
  return real_disk().allocate(descriptor, offset, bytes);
}

Result<std::uint64_t> FaultDisk::free_bytes(const std::string& path) {
  {
    const std::scoped_lock lock(mutex_);
    if (free_bytes_) return *free_bytes_;
  }
  return real_disk().free_bytes(path);
}

// Each sector for itself: the disk writes them in any order.
void FaultDisk::undo_sectors(const Undo& undo, std::mt19937_64& random) {
  std::string old = undo.before;
  old.resize(undo.bytes, '\0');
  for (std::uint64_t at = undo.offset; at < undo.offset + undo.bytes;) {
    const std::uint64_t end = std::min(at / kSector * kSector + kSector, undo.offset + undo.bytes);
    if (random() % 2 == 0) {
      const ssize_t written = ::pwrite(*undo.descriptor, old.data() + (at - undo.offset), end - at,
                                       static_cast<off_t>(at));
      REQUIRE(written == static_cast<ssize_t>(end - at));
    }
    at = end;
  }
}

void FaultDisk::undo_write(const Undo& undo, std::mt19937_64& random) {
  if (random() % 3 == 0) return undo_sectors(undo, random);
  // What reached the disk is the part before the cut, the part behind it, or nothing.
  const std::uint64_t cut = random() % (undo.bytes + 1);
  std::uint64_t first = 0;
  std::uint64_t last = undo.bytes;
  const auto choice = random() % 4;
  if (choice == 0) return;  // all of it
  if (choice == 1) first = cut;
  if (choice == 2) last = cut;
  std::string old = undo.before;
  old.resize(undo.bytes, '\0');
  const ssize_t written = ::pwrite(*undo.descriptor, old.data() + first, last - first,
                                   static_cast<off_t>(undo.offset + first));
  REQUIRE(written == static_cast<ssize_t>(last - first));
}

void FaultDisk::lose_power(std::mt19937_64& random) {
  const std::scoped_lock lock(mutex_);
  for (auto undo = unsynced_.rbegin(); undo != unsynced_.rend(); ++undo) {
    if (undo->descriptor != nullptr) {
      undo_write(*undo, random);
    } else if (random() % 2 == 0) {
      // Of a name that went away later there is nothing to undo.
      if (!undo->from.empty() && std::filesystem::exists(undo->to))
        REQUIRE(::rename(undo->to.c_str(), undo->from.c_str()) == 0);
      if (undo->replaced) write_whole(undo->to, *undo->replaced);
    }
  }
  unsynced_.clear();
}

}  // namespace hauspost::store::test
