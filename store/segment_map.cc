#include "store/segment_map.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace hauspost::store {

namespace {

constexpr std::string_view kSuffix = ".seg";
constexpr std::size_t kDigits = 16;

std::optional<Lsn> parse_segment_name(std::string_view name) {
  if (name.size() != kDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : name.substr(0, kDigits)) {
    if (c >= '0' && c <= '9') {
      value = value << 4 | static_cast<std::uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      value = value << 4 | static_cast<std::uint64_t>(c - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return Lsn(value);
}

}  // namespace

Result<std::shared_ptr<const SegmentMap>> SegmentMap::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail(errno_error("opening " + path));
  struct stat info;
  void* memory = MAP_FAILED;
  if (::fstat(descriptor, &info) == 0 && info.st_size > 0)
    memory = ::mmap(nullptr, static_cast<std::size_t>(info.st_size), PROT_READ, MAP_SHARED,
                    descriptor, 0);
  const int error_number = errno;
  ::close(descriptor);
  if (memory == MAP_FAILED) return fail(errno_error("mapping " + path, error_number));
  return std::shared_ptr<const SegmentMap>(
      new SegmentMap({static_cast<const char*>(memory), static_cast<std::size_t>(info.st_size)}));
}

SegmentMap::~SegmentMap() { ::munmap(const_cast<char*>(bytes_.data()), bytes_.size()); }

void SegmentMap::let_go_of_pages() const {
  // A failure changes nothing but how much stays resident.
  [[maybe_unused]] const int ignored =
      ::madvise(const_cast<char*>(bytes_.data()), bytes_.size(), MADV_DONTNEED);
}

Result<BlobView> SegmentMap::unchecked_blob(std::uint64_t offset) const {
  if (offset < kSegmentHeaderBytes || offset >= bytes_.size())
    return fail(ErrorCode::kCorrupt, "body outside its segment");
  return decode_blob(bytes_.substr(offset), false);
}

Result<BlobView> SegmentMap::blob(std::uint64_t offset) const {
  TRY_ASSIGN(const BlobView blob, unchecked_blob(offset));
  const bool large = blob.bytes > kCheckAlwaysMax;
  if (large) {
    const std::scoped_lock lock(mutex_);
    if (checked_.contains(offset)) return blob;
  }
  TRY(decode_blob(bytes_.substr(offset), true));
  if (large) {
    const std::scoped_lock lock(mutex_);
    checked_.insert(offset);
  }
  return blob;
}

std::string segment_name(Lsn first) { return fmt::format("{:016x}{}", first.value, kSuffix); }

Result<std::vector<SegmentFile>> list_segments(const std::string& log_folder) {
  DIR* const folder = ::opendir(log_folder.c_str());
  if (folder == nullptr) return fail(errno_error("opening " + log_folder));
  std::vector<SegmentFile> segments;
  while (const dirent* entry = ::readdir(folder)) {
    const auto first = parse_segment_name(entry->d_name);
    if (!first) continue;
    SegmentFile file{*first, log_folder + "/" + entry->d_name};
    struct stat info;
    if (::stat(file.path.c_str(), &info) == 0)
      file.bytes = static_cast<std::uint64_t>(info.st_size);
    segments.push_back(std::move(file));
  }
  ::closedir(folder);
  std::ranges::sort(segments, {}, &SegmentFile::first_lsn);
  return segments;
}

Result<std::shared_ptr<const SegmentMap>> SegmentCache::get(Lsn segment, std::uint64_t end) {
  const std::scoped_lock lock(mutex_);
  const auto found = maps_.find(segment.value);
  if (found != maps_.end() && found->second->bytes().size() >= end) return found->second;
  auto opened = SegmentMap::open(folder_ + "/" + segment_name(segment));
  if (!opened) return fail(ErrorCode::kCorrupt, opened.error().text);
  if ((*opened)->bytes().size() < end)
    return fail(ErrorCode::kCorrupt, "segment " + segment_name(segment) + " is too short");
  if (found == maps_.end() && maps_.size() >= kMappedMax) maps_.erase(maps_.begin());
  maps_[segment.value] = *opened;
  return *std::move(opened);
}

void SegmentCache::note_read(const std::shared_ptr<const SegmentMap>& map, std::uint64_t bytes) {
  std::vector<std::shared_ptr<const SegmentMap>> read;
  {
    const std::scoped_lock lock(mutex_);
    if (std::ranges::find(read_, map) == read_.end()) read_.push_back(map);
    resident_ += std::max(bytes, kReadAroundBytes);
    if (resident_ < kResidentMax) return;
    resident_ = 0;
    read = std::exchange(read_, {});
  }
  for (const auto& one : read) one->let_go_of_pages();
}

void SegmentCache::forget(Lsn segment) {
  const std::scoped_lock lock(mutex_);
  maps_.erase(segment.value);
}

}  // namespace hauspost::store
