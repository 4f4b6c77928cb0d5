#include "store/disk.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>

namespace hauspost::store {

namespace {

// Not one of the errors that pass: what was to be synced may be lost already.
std::unexpected<Error> failed_sync(const std::string& what, int error_number = errno) {
  Error error = errno_error(what, error_number);
  error.code = ErrorCode::kInternal;
  return fail(std::move(error));
}

bool fallocate_whole(int descriptor, int mode, std::uint64_t offset, std::uint64_t bytes) {
  int outcome = 0;
  do {
    outcome = ::fallocate(descriptor, mode, static_cast<off_t>(offset), static_cast<off_t>(bytes));
  } while (outcome != 0 && errno == EINTR);
  return outcome == 0;
}

class RealFile final : public DiskFile {
 public:
  RealFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  ~RealFile() override { ::close(descriptor_); }

  Result<> write_at(std::uint64_t offset, std::span<const std::string_view> parts) override {
    std::size_t index = 0;
    std::size_t skip = 0;  // bytes of parts[index] written already
    while (index < parts.size()) {
      std::array<iovec, kVectorsMax> vectors;
      std::size_t count = 0;
      for (std::size_t i = index; i < parts.size() && count < vectors.size(); ++i, ++count) {
        const std::string_view rest = parts[i].substr(i == index ? skip : 0);
        vectors[count] = {const_cast<char*>(rest.data()), rest.size()};
      }
      const ssize_t written = ::pwritev(descriptor_, vectors.data(), static_cast<int>(count),
                                        static_cast<off_t>(offset));
      if (written < 0) {
        if (errno == EINTR) continue;
        return fail(errno_error("writing " + path_));
      }
      offset += static_cast<std::uint64_t>(written);
      skip += static_cast<std::size_t>(written);
      while (index < parts.size() && skip >= parts[index].size()) skip -= parts[index++].size();
    }
    return {};
  }

  Result<> sync() override {
    if (::fdatasync(descriptor_) != 0) return failed_sync("syncing " + path_);
    return {};
  }

  Result<std::uint64_t> size() override {
    const off_t end = ::lseek(descriptor_, 0, SEEK_END);
    if (end < 0) return fail(errno_error("measuring " + path_));
    return static_cast<std::uint64_t>(end);
  }

  Result<> allocate(std::uint64_t offset, std::uint64_t bytes) override {
    if (bytes == 0 || fallocate_whole(descriptor_, 0, offset, bytes)) return {};
    if (errno != EOPNOTSUPP && errno != ENOSYS)
      return fail(errno_error("allocating space for " + path_));
    // A file system without the call: what is written takes blocks as well.
    static const std::string zeros(kZeros, '\0');
    for (std::uint64_t at = offset; at < offset + bytes; at += kZeros) {
      const auto step = std::string_view(zeros).substr(0, offset + bytes - at);
      TRY(write_at(at, {&step, 1}));
    }
    return {};
  }

 private:
  static constexpr std::size_t kZeros = 1 << 20;
  static constexpr std::size_t kVectorsMax = 512;
  int descriptor_;
  std::string path_;
};

class RealDisk final : public Disk {
 public:
  Result<std::unique_ptr<DiskFile>> open(const std::string& path) override {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) return fail(errno_error("opening " + path));
    return std::make_unique<RealFile>(descriptor, path);
  }

  Result<> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return fail(errno_error("renaming " + from));
    return {};
  }

  Result<> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
      return fail(errno_error("removing " + path));
    return {};
  }

  Result<> sync_folder(const std::string& path) override {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    // What is to be made durable has already happened, so this is a failed sync as well.
    if (descriptor < 0) return failed_sync("opening " + path);
    const int outcome = ::fsync(descriptor);
    const int error_number = errno;
    ::close(descriptor);
    if (outcome != 0) return failed_sync("syncing " + path, error_number);
    return {};
  }

  Result<std::uint64_t> free_bytes(const std::string& path) override {
    struct statvfs info;
    if (::statvfs(path.c_str(), &info) != 0) return fail(errno_error("free space of " + path));
    return std::uint64_t{info.f_bavail} * info.f_frsize;
  }

  Result<> allocate(int descriptor, std::uint64_t offset, std::uint64_t bytes) override {
    if (bytes == 0 || fallocate_whole(descriptor, FALLOC_FL_KEEP_SIZE, offset, bytes)) return {};
    // Without the call there is only the reserve of free space to rely on.
    if (errno == EOPNOTSUPP || errno == ENOSYS) return {};
    return fail(errno_error("allocating space for the index"));
  }
};

}  // namespace

Disk& real_disk() {
  static RealDisk disk;
  return disk;
}

Result<> replace_file(Disk& disk, const std::string& folder, const std::string& name,
                      std::string_view bytes) {
  const std::string path = folder + "/" + name;
  const std::string temporary = path + ".new";
  TRY(disk.remove(temporary));
  {
    TRY_ASSIGN(const auto file, disk.open(temporary));
    TRY(file->write_at(0, {&bytes, 1}));
    TRY(file->sync());
  }
  TRY(disk.rename(temporary, path));
  return disk.sync_folder(folder);
}

Result<> sync_name(Disk& disk, const std::string& folder) {
  const std::string above = std::filesystem::absolute(folder).parent_path().string();
  const int descriptor = ::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0 && errno == EACCES) return {};
  if (descriptor >= 0) ::close(descriptor);
  return disk.sync_folder(above);
}

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  // The supervisor reads in folders of workers, too: a pipe there must not make it wait.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return fail(errno_error("opening " + path));
  std::string bytes;
  std::array<char, 16384> buffer;
  ssize_t count = 0;
  while (bytes.size() <= bytes_max &&
         (count = ::read(descriptor, buffer.data(), buffer.size())) > 0) {
    bytes.append(buffer.data(), static_cast<std::size_t>(count));
  }
  const int error_number = errno;
  ::close(descriptor);
  if (count < 0) return fail(errno_error("reading " + path, error_number));
  if (bytes.size() > bytes_max) return fail(ErrorCode::kCorrupt, path + " is too long");
  return bytes;
}

}  // namespace hauspost::store
