#include "store/backup/backup_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>

#include "base/bytes.h"
#include "base/text.h"
#include "store/disk.h"

namespace hauspost::store {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSetPrefix = "set-";
constexpr std::string_view kImageSuffix = ".image";
constexpr std::size_t kManifestBytesMax = 64 << 20;
constexpr std::size_t kCheckStep = 1 << 20;

std::unexpected<Error> corrupt(std::string text) {
  return fail(ErrorCode::kCorrupt, std::move(text));
}

}  // namespace

std::string set_path(const std::string& folder, std::uint64_t number) {
  return fmt::format("{}/{}{:06}", folder, kSetPrefix, number);
}
std::string set_segment_path(const std::string& set, Lsn first) {
  return set + "/log/" + segment_name(first);
}
std::string set_image_path(const std::string& set, Lsn lsn) {
  return fmt::format("{}/images/{:016x}{}", set, lsn.value, kImageSuffix);
}

Result<std::vector<std::uint64_t>> list_set_numbers(const std::string& folder) {
  std::error_code code;
  std::vector<std::uint64_t> numbers;
  for (auto entry = fs::directory_iterator(folder, code);
       !code && entry != fs::directory_iterator(); entry.increment(code)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(kSetPrefix)) continue;
    if (const auto number = parse_u64(std::string_view(name).substr(kSetPrefix.size())))
      numbers.push_back(*number);
  }
  if (code) return fail(errno_error("opening " + folder, code.value()));
  std::ranges::sort(numbers);
  return numbers;
}

Result<BackupSet> read_set(const std::string& folder, std::uint64_t number) {
  BackupSet set{number, set_path(folder, number), {}};
  const std::string path = set.path + "/" + std::string(kManifestFile);
  auto text = read_file(path, kManifestBytesMax);
  if (!text && text.error().code == ErrorCode::kNotFound)
    return fail(ErrorCode::kNotFound, set.path + " has no manifest: its backup did not end");
  if (!text) return fail(std::move(text).error());
  auto manifest = decode_manifest(*text);
  if (!manifest) return fail(std::move(manifest).error().within(path));
  set.manifest = *std::move(manifest);
  return set;
}

Result<BackupSets> read_sets(const std::string& folder) {
  TRY_ASSIGN(const auto numbers, list_set_numbers(folder));
  BackupSets out;
  for (const std::uint64_t number : numbers) {
    auto set = read_set(folder, number);
    if (set) {
      out.sets.push_back(*std::move(set));
    } else {
      out.faults.push_back(set.error().text);
    }
  }
  if (out.sets.empty() && out.faults.empty())
    return fail(ErrorCode::kNotFound, folder + " holds no backup");
  return out;
}

Result<std::uint64_t> read_segment_records(const std::string& path, std::string_view bytes,
                                           const Guid& database, Lsn first, Lsn last,
                                           const RecordVisitor& visit) {
  const auto header = decode_segment_header(bytes);
  if (!header) return corrupt(path + ": " + header.error().text);
  if (header->database != database || header->first_lsn != first)
    return corrupt(path + " belongs to another database or place");
  std::uint64_t offset = kSegmentHeaderBytes;
  for (Lsn next = first; next <= last; next = next.next()) {
    const auto damaged = [&](const std::string& why) {
      return corrupt(fmt::format("{} at offset {}: record {}: {}", path, offset, next.value, why));
    };
    if (offset >= bytes.size()) return damaged("cut off");
    auto record = decode_record(bytes.substr(offset), first);
    if (!record) {
      return damaged(record.error().code == ErrorCode::kNotFound ? "damaged or missing"
                                                                 : record.error().text);
    }
    if (record->header.lsn != next) return damaged("another record is in its place");
    const std::uint64_t length = record->length;
    TRY(visit({std::move(*record), first, offset, bytes.substr(offset, length)}));
    offset += aligned(length);
  }
  return offset;
}

Result<std::shared_ptr<const SegmentMap>> open_segment(const BackupSet& set,
                                                       const BackupSegment& segment) {
  const std::string path = set_segment_path(set.path, segment.first);
  auto map = SegmentMap::open(path);
  if (!map) return corrupt(map.error().text);
  if ((*map)->bytes().size() < segment.bytes) {
    return corrupt(
        fmt::format("{} is cut off: {} bytes of {}", path, (*map)->bytes().size(), segment.bytes));
  }
  return map;
}

Result<> check_segment(const BackupSet& set, const BackupSegment& segment, Progress& progress) {
  const std::string path = set_segment_path(set.path, segment.first);
  TRY_ASSIGN(const auto map, open_segment(set, segment));
  const std::string_view bytes = map->bytes().substr(0, segment.bytes);
  TRY_ASSIGN(const std::uint64_t end,
             read_segment_records(path, bytes, set.manifest.database, segment.first, segment.last,
                                  [&](const PlacedRecord& placed) -> Result<> {
                                    return read_operations(
                                        placed.record, [](const Operation&) { return Result<>(); });
                                  }));
  if (end != segment.bytes)
    return corrupt(fmt::format("{} has {} bytes behind its last record", path, bytes.size() - end));
  std::uint32_t crc = 0;
  for (std::size_t at = 0; at < bytes.size(); at += kCheckStep) {
    TRY(progress.check());
    const std::string_view step = bytes.substr(at, kCheckStep);
    crc = crc32c(step, crc);
    progress.add(step.size());
  }
  if (crc != segment.crc) return corrupt(path + " is not what was written there: its CRC differs");
  return {};
}

std::string format_time(std::int64_t time_us) {
  const WallTime time{std::chrono::microseconds(time_us)};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(seconds));
  const std::chrono::hh_mm_ss clock(seconds - std::chrono::floor<std::chrono::days>(seconds));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

namespace {

// The last record of a segment that is not after `time_us` and within `span`; 0: none.
Result<Lsn> last_before(const BackupSet& set, const BackupSegment& segment, LsnSpan span,
                        std::int64_t time_us) {
  if (segment.oldest_us > time_us) return Lsn();
  if (segment.newest_us <= time_us) return std::min(segment.last, span.last);
  TRY_ASSIGN(const auto map, open_segment(set, segment));
  Lsn found;
  TRY(read_segment_records(set_segment_path(set.path, segment.first), map->bytes(),
                           set.manifest.database, segment.first, segment.last,
                           [&](const PlacedRecord& placed) -> Result<> {
                             const RecordHeader& header = placed.record.header;
                             if (header.time_us <= time_us && header.lsn <= span.last)
                               found = header.lsn;
                             return {};
                           }));
  return found;
}

std::string describe(const std::vector<LsnSpan>& spans) {
  std::string out;
  for (const LsnSpan& span : spans) {
    out += fmt::format("{}{} to {}", out.empty() ? "records " : ", ", span.first.value,
                       span.last.value);
  }
  return out.empty() ? "nothing" : out;
}

std::unexpected<Error> out_of_reach(const BackupSet& set, const std::string& what) {
  const auto& segments = set.manifest.segments;
  const std::string times =
      segments.empty() ? std::string()
                       : fmt::format(" ({} to {})", format_time(segments.front().oldest_us),
                                     format_time(segments.back().newest_us));
  return fail(ErrorCode::kNotFound,
              fmt::format("{} cannot bring back {}; it reaches {}{}", set.path, what,
                          describe(restorable(set.manifest)), times));
}

Result<Lsn> find_time(const BackupSet& set, std::int64_t time_us) {
  const std::vector<LsnSpan> spans = restorable(set.manifest);
  const std::string what = "the moment " + format_time(time_us);
  for (std::size_t i = spans.size(); i-- > 0;) {
    const LsnSpan span = spans[i];
    for (std::size_t j = set.manifest.segments.size(); j-- > 0;) {
      const BackupSegment& segment = set.manifest.segments[j];
      if (segment.first > span.last) continue;
      if (segment.last < span.first) break;
      TRY_ASSIGN(const Lsn found, last_before(set, segment, span, time_us));
      if (found == Lsn()) continue;
      if (found < span.first) break;
      // What was compacted away behind this span may have been before that time, too.
      if (found == span.last && i + 1 < spans.size()) return out_of_reach(set, what);
      return found;
    }
  }
  return out_of_reach(set, what);
}

}  // namespace

Result<Lsn> find_point(const BackupSet& set, const RestorePoint& point) {
  if (point.time_us) return find_time(set, *point.time_us);
  if (!point.lsn) return set.manifest.generations.back().lsn;
  for (const LsnSpan& span : restorable(set.manifest)) {
    if (*point.lsn >= span.first && *point.lsn <= span.last) return *point.lsn;
  }
  return out_of_reach(set, fmt::format("record {}", point.lsn->value));
}

Result<FoundPoint> find_point(const std::string& folder, std::uint64_t set_number,
                              const RestorePoint& point) {
  if (set_number != 0) {
    TRY_ASSIGN(BackupSet set, read_set(folder, set_number));
    TRY_ASSIGN(const Lsn lsn, find_point(set, point));
    return FoundPoint{std::move(set), lsn};
  }
  TRY_ASSIGN(BackupSets all, read_sets(folder));
  Error error{ErrorCode::kCorrupt, all.faults.empty() ? std::string() : all.faults.back()};
  for (std::size_t i = all.sets.size(); i-- > 0;) {
    const auto lsn = find_point(all.sets[i], point);
    if (lsn) return FoundPoint{std::move(all.sets[i]), *lsn};
    // Another set may be of use, but the newest says best what is wrong.
    if (i + 1 == all.sets.size()) error = lsn.error();
    if (lsn.error().code != ErrorCode::kNotFound) return fail(lsn.error());
  }
  return fail(std::move(error));
}

Result<BackupLock> BackupLock::take(const std::string& folder) {
  std::error_code code;
  fs::create_directories(folder, code);
  if (code) return fail(errno_error("making " + folder, code.value()));
  const std::string path = folder + "/lock";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return fail(errno_error("opening " + path));
  BackupLock lock(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(errno_error("locking " + path));
    return fail(ErrorCode::kUnavailable, "another backup to " + folder + " is under way");
  }
  return lock;
}

BackupLock::BackupLock(BackupLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

BackupLock::~BackupLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace hauspost::store
