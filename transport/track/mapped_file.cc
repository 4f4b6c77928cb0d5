#include "transport/track/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace hauspost::transport {

Result<MappedFile> MappedFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return fail(errno_error(path));
  struct stat status{};
  void* base = nullptr;
  bool mapped = ::fstat(fd, &status) == 0;
  const auto size = static_cast<std::size_t>(status.st_size);
  if (mapped && size > 0) {
    base = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    mapped = base != MAP_FAILED;
  }
  const int saved = errno;
  ::close(fd);
  if (!mapped) return fail(errno_error(path, saved));
  return MappedFile({static_cast<const char*>(base), size});
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : bytes_(std::exchange(other.bytes_, std::string_view())) {}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

}  // namespace hauspost::transport
