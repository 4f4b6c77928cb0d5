#include "store/backup/back_up.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "base/bytes.h"
#include "base/log.h"
#include "base/text.h"
#include "store/backup/backup_folder.h"
#include "store/image.h"
#include "store/recovery.h"

namespace hauspost::store {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kStep = 1 << 20;
constexpr std::size_t kNoteBytesMax = 16 * 1024;
constexpr std::size_t kImagesKept = 2;  // beside those without which a moment would be lost

Result<> make_folder(Disk& disk, const std::string& path) {
  std::error_code code;
  fs::create_directory(path, code);
  if (!code) fs::permissions(path, fs::perms::owner_all, code);
  if (code) return fail(errno_error("making " + path, code.value()));
  return sync_name(disk, path);
}

// Whoever reads the file next gets what the disk has, not what the page cache remembers.
void forget_pages(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  ::close(file);
}

// Of the first `bytes` bytes of `path`.
Result<std::uint32_t> crc_on_disk(const std::string& path, std::uint64_t bytes,
                                  const Progress& progress) {
  forget_pages(path);
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return fail(errno_error("opening " + path));
  const auto read = [&]() -> Result<std::uint32_t> {
    std::string buffer(kStep, '\0');
    std::uint32_t crc = 0;
    for (std::uint64_t at = 0; at < bytes;) {
      TRY(progress.check());
      const std::size_t wanted = std::min<std::uint64_t>(kStep, bytes - at);
      const ssize_t count = ::pread(file, buffer.data(), wanted, static_cast<off_t>(at));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail(errno_error("reading " + path));
      if (count == 0) return fail(ErrorCode::kCorrupt, path + " is shorter than what was written");
      crc = crc32c(std::string_view(buffer).substr(0, static_cast<std::size_t>(count)), crc);
      at += static_cast<std::uint64_t>(count);
    }
    return crc;
  };
  auto crc = read();
  ::close(file);
  return crc;
}

class BackingUp {
 public:
  BackingUp(const Database& database, const BackupOptions& options, Progress& progress)
      : database_(database),
        options_(options),
        progress_(progress),
        platform_(database.platform()),
        disk_(*platform_.disk),
        throttle_(options.bytes_per_second) {}

  Result<BackupReport> run() {
    TRY_ASSIGN(const BackupLock lock, BackupLock::take(options_.folder));
    TRY(choose_set());
    auto outcome = fill_set();
    if (!outcome && set_.manifest.generations.empty()) remove_set(set_.path);
    if (!outcome) return fail(std::move(outcome).error());
    remove_old_images();
    report_.sets_removed = remove_old_sets();
    note_last_backup();
    return std::move(report_);
  }

 private:
  std::int64_t now_us() const { return platform_.clock->now().time_since_epoch().count(); }

  Result<> choose_set() {
    TRY_ASSIGN(const auto numbers, list_set_numbers(options_.folder));
    std::uint64_t highest = 0;
    for (const std::uint64_t number : numbers) {
      auto set = read_set(options_.folder, number);
      if (!set && set.error().code == ErrorCode::kNotFound) {
        // What a backup that was cut off left behind.
        remove_set(set_path(options_.folder, number));
        continue;
      }
      highest = number;
      if (!set) {
        log::warning("backup.set.unreadable",
                     {{"set", set_path(options_.folder, number)}, {"cause", set.error()}});
        set_ = {};
        continue;
      }
      if (set->manifest.database != database_.guid()) {
        return fail(
            ErrorCode::kInvalid,
            fmt::format("{} holds backups of database {} ({}); name another folder",
                        options_.folder, set->manifest.name, set->manifest.database.to_string()));
      }
      set_ = *std::move(set);
    }
    if (set_.number != 0 && !options_.full) return {};
    set_ = BackupSet{highest + 1, set_path(options_.folder, highest + 1), {}};
    set_.manifest.database = database_.guid();
    TRY(make_folder(disk_, set_.path));
    TRY(make_folder(disk_, set_.path + "/log"));
    return make_folder(disk_, set_.path + "/images");
  }

  Result<> fill_set() {
    BackupGeneration& generation = report_.generation;
    generation.full = set_.manifest.generations.empty();
    generation.number = generation.full ? 1 : set_.manifest.generations.back().number + 1;
    generation.begun_us = now_us();
    set_.manifest.name = options_.name;
    {
      // Segments that the image names must not go away before they are copied.
      const auto hold = database_.hold_log();
      TRY(add_image());
      const Database::Statistics state = database_.statistics();
      generation.lsn = state.last_lsn;
      generation.mailboxes = state.mailboxes;
      generation.messages = state.messages;
      generation.epoch = database_.epoch();
      TRY(copy_log());
    }
    generation.copied_bytes = copied_;
    generation.ended_us = now_us();
    BackupManifest manifest = set_.manifest;
    manifest.generations.push_back(generation);
    TRY(disk_.sync_folder(set_.path + "/log"));
    TRY(progress_.check());
    TRY(replace_file(disk_, set_.path, std::string(kManifestFile), encode(manifest)));
    set_.manifest = std::move(manifest);
    report_.set = set_.number;
    report_.set_path = set_.path;
    report_.segments = set_.manifest.segments.size();
    return {};
  }

  Result<> add_image() {
    const std::string temporary = set_.path + "/images/next";
    TRY_ASSIGN(const ImageInfo info, database_.write_image(temporary, throttle_, progress_));
    forget_pages(temporary);
    TRY(check_image(temporary, progress_));
    auto& images = set_.manifest.images;
    if (!images.empty() && images.back().lsn > info.lsn) return other_history();
    if (!images.empty() && images.back().lsn == info.lsn) return disk_.remove(temporary);
    copied_ += info.bytes;
    TRY(disk_.rename(temporary, set_image_path(set_.path, info.lsn)));
    TRY(disk_.sync_folder(set_.path + "/images"));
    images.push_back({info.lsn, info.created_us, info.bytes});
    return {};
  }

  std::unexpected<Error> other_history() const {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} holds records that the database does not have: it was put back to "
                            "an earlier state; begin a new set with --full",
                            set_.path));
  }

  Result<> copy_log() {
    TRY_ASSIGN(auto segments, list_segments(log_folder(database_.path())));
    const Lsn end = report_.generation.lsn;
    std::erase_if(segments, [end](const SegmentFile& file) { return file.first_lsn > end; });
    std::uint64_t total = 0;
    for (const SegmentFile& file : segments) total += is_complete(file) ? 0 : file.bytes;
    progress_.begin("copying the change log", total);
    if (!set_.manifest.segments.empty() && set_.manifest.segments.back().last > end)
      return other_history();
    TRY(check_history(segments));
    for (std::size_t i = 0; i < segments.size(); ++i) {
      if (is_complete(segments[i])) continue;
      const bool open = i + 1 == segments.size();
      TRY(copy_segment(segments[i], open ? end : Lsn(segments[i + 1].first_lsn.value - 1), open));
    }
    return {};
  }

  // Segments keep their names and contents for ever: one that begins amid records of the set was
  // written by another history. And where histories part, the newest segment that both have
  // differs.
  Result<> check_history(const std::vector<SegmentFile>& segments) const {
    const auto& known = set_.manifest.segments;
    const BackupSegment* newest = nullptr;
    for (const SegmentFile& file : segments) {
      if (known.empty() || file.first_lsn > known.back().last) break;
      const auto same = std::ranges::find(known, file.first_lsn, &BackupSegment::first);
      if (same == known.end()) return other_history();
      newest = &*same;
    }
    if (newest == nullptr) return {};
    TRY_ASSIGN(const auto live,
               SegmentMap::open(log_folder(database_.path()) + "/" + segment_name(newest->first)));
    const std::string_view bytes = live->bytes();
    if (bytes.size() < newest->bytes || crc32c(bytes.substr(0, newest->bytes)) != newest->crc)
      return other_history();
    // A closed one does not grow.
    if (newest != &known.back() && decode_record(bytes.substr(newest->bytes), newest->first))
      return other_history();
    return {};
  }

  // In the set already, and nothing can have come to it since: another one follows it there.
  bool is_complete(const SegmentFile& file) const {
    const auto& segments = set_.manifest.segments;
    return !segments.empty() && file.first_lsn < segments.back().first;
  }

  // What is learnt of a segment on the way through it.
  struct Scan {
    BackupSegment segment;
    std::int64_t last_us = 0;
  };

  Result<Scan> scan(const SegmentFile& file, std::string_view bytes, Lsn limit, bool open) {
    Scan out;
    out.segment.first = file.first_lsn;
    const auto note = [&](const PlacedRecord& placed) -> Result<> {
      const RecordHeader& header = placed.record.header;
      BackupSegment& segment = out.segment;
      const bool is_first = segment.last == Lsn();
      segment.oldest_us = is_first ? header.time_us : std::min(segment.oldest_us, header.time_us);
      segment.newest_us = is_first ? header.time_us : std::max(segment.newest_us, header.time_us);
      segment.last = header.lsn;
      out.last_us = header.time_us;
      return progress_.check();
    };
    if (open) {
      TRY_ASSIGN(out.segment.bytes, read_segment_records(file.path, bytes, database_.guid(),
                                                         file.first_lsn, limit, note));
      return out;
    }
    // Behind a closed segment's last record lie only zeros: anything else is a damaged record. The
    // next segment need not follow at once, as those between may have been compacted away.
    TRY_ASSIGN(const Lsn last, last_record(file, bytes, limit));
    TRY_ASSIGN(out.segment.bytes, read_segment_records(file.path, bytes, database_.guid(),
                                                       file.first_lsn, last, note));
    if (bytes.find_first_not_of('\0', out.segment.bytes) != std::string_view::npos) {
      return fail(ErrorCode::kCorrupt, fmt::format("{} at offset {}: record {}: damaged", file.path,
                                                   out.segment.bytes, last.value + 1));
    }
    return out;
  }

  Result<Lsn> last_record(const SegmentFile& file, std::string_view bytes, Lsn limit) const {
    std::uint64_t offset = kSegmentHeaderBytes;
    Lsn last(file.first_lsn.value - 1);
    while (offset < bytes.size() && last < limit) {
      const auto record = decode_record(bytes.substr(offset), file.first_lsn);
      if (!record || record->header.lsn != last.next()) break;
      last = last.next();
      offset += aligned(record->length);
    }
    return last;
  }

  Result<> copy_segment(const SegmentFile& file, Lsn limit, bool open) {
    TRY_ASSIGN(const auto map, SegmentMap::open(file.path));
    TRY_ASSIGN(Scan scanned, scan(file, map->bytes(), limit, open));
    BackupSegment& segment = scanned.segment;
    const std::string_view bytes = map->bytes().substr(0, segment.bytes);
    auto& segments = set_.manifest.segments;
    std::uint64_t from = 0;
    if (!segments.empty() && segments.back().first == segment.first) {
      // It has grown since the last backup, which saw its beginning.
      from = segments.back().bytes;
      segments.pop_back();
    }
    const std::string path = set_segment_path(set_.path, segment.first);
    TRY(write(path, bytes, from));
    segment.crc = crc32c(bytes);
    TRY_ASSIGN(const std::uint32_t crc, crc_on_disk(path, bytes.size(), progress_));
    if (crc != segment.crc) {
      return fail(ErrorCode::kCorrupt,
                  path + " is not what was written there; is its disk in order?");
    }
    if (segment.last == report_.generation.lsn) report_.generation.time_us = scanned.last_us;
    if (segment.last != Lsn()) segments.push_back(segment);
    progress_.add(file.bytes - std::min(file.bytes, bytes.size() - from));
    return {};
  }

  Result<> write(const std::string& path, std::string_view bytes, std::uint64_t from) {
    if (from == 0) TRY(disk_.remove(path));
    TRY_ASSIGN(const auto file, disk_.open(path));
    while (from < bytes.size()) {
      const std::string_view step = bytes.substr(from, kStep);
      TRY(file->write_at(from, {&step, 1}));
      from += step.size();
      copied_ += step.size();
      progress_.add(step.size());
      TRY(throttle_.spend(step.size(), progress_));
    }
    return file->sync();
  }

  // An image is needed as long as a moment can be reached only from it; else the newest will do.
  // The manifest forgets them before the files go.
  void remove_old_images() {
    BackupManifest manifest = set_.manifest;
    auto& images = manifest.images;
    for (std::size_t i = 0; images.size() > kImagesKept && i + kImagesKept < images.size();) {
      BackupManifest without = manifest;
      without.images.erase(without.images.begin() + static_cast<std::ptrdiff_t>(i));
      if (reach(without) == reach(manifest)) {
        manifest = std::move(without);
      } else {
        ++i;
      }
    }
    if (images.size() != set_.manifest.images.size()) {
      if (const auto written =
              replace_file(disk_, set_.path, std::string(kManifestFile), encode(manifest));
          !written) {
        log::warning("backup.images.kept", {{"cause", written.error()}});
        return;
      }
      set_.manifest = std::move(manifest);
    }
    std::error_code code;
    std::vector<fs::path> doomed;
    for (auto entry = fs::directory_iterator(set_.path + "/images", code);
         !code && entry != fs::directory_iterator(); entry.increment(code))
      doomed.push_back(entry->path());
    for (const BackupImage& image : set_.manifest.images)
      std::erase(doomed, fs::path(set_image_path(set_.path, image.lsn)));
    for (const fs::path& path : doomed) fs::remove(path, code);
    for (const BackupSegment& segment : set_.manifest.segments) report_.bytes += segment.bytes;
    for (const BackupImage& image : set_.manifest.images) report_.bytes += image.bytes;
  }

  static std::vector<std::pair<Lsn, Lsn>> reach(const BackupManifest& manifest) {
    std::vector<std::pair<Lsn, Lsn>> out;
    for (const LsnSpan& span : restorable(manifest)) out.emplace_back(span.first, span.last);
    return out;
  }

  std::uint64_t remove_old_sets() {
    if (options_.keep_sets == 0) return 0;
    const auto numbers = list_set_numbers(options_.folder);
    if (!numbers) return 0;
    std::uint64_t removed = 0;
    for (std::size_t i = 0; i + options_.keep_sets < numbers->size(); ++i) {
      remove_set(set_path(options_.folder, (*numbers)[i]));
      ++removed;
    }
    return removed;
  }

  // The manifest goes first: what is left of a set that was not removed whole is no backup.
  void remove_set(const std::string& path) {
    if (const auto removed = disk_.remove(path + "/" + std::string(kManifestFile)); !removed) {
      log::warning("backup.set.kept", {{"set", path}, {"cause", removed.error()}});
      return;
    }
    std::error_code code;
    for (const char* const inside : {"/log", "/images"}) fs::remove_all(path + inside, code);
    fs::remove(path + "/" + std::string(kManifestFile) + ".new", code);
    fs::remove(path, code);
    if (code) log::warning("backup.set.kept", {{"set", path}, {"cause", code.message()}});
  }

  void note_last_backup() {
    const BackupGeneration& generation = report_.generation;
    std::string text =
        fmt::format("last-backup 1 {} {} {} {}\n", generation.ended_us, generation.lsn.value,
                    generation.full ? "full" : "incremental", report_.set_path);
    text += fmt::format("{:08x}\n", crc32c(text));
    if (const auto noted =
            replace_file(disk_, database_.path(), std::string(kLastBackupFile), text);
        !noted)
      log::warning("backup.note.failed", {{"cause", noted.error()}});
  }

  const Database& database_;
  const BackupOptions& options_;
  Progress& progress_;
  const Platform& platform_;
  Disk& disk_;
  Throttle throttle_;
  BackupSet set_;
  BackupReport report_;
  std::uint64_t copied_ = 0;
};

}  // namespace

Result<BackupReport> back_up(const Database& database, const BackupOptions& options,
                             Progress& progress) {
  return BackingUp(database, options, progress).run();
}

std::optional<LastBackup> read_last_backup(const std::string& database_folder) {
  const auto text = read_file(database_folder + "/" + std::string(kLastBackupFile), kNoteBytesMax);
  if (!text) return std::nullopt;
  const std::size_t end = text->find('\n');
  if (end == std::string::npos) return std::nullopt;
  const std::string_view line = std::string_view(*text).substr(0, end + 1);
  if (text->substr(end + 1) != fmt::format("{:08x}\n", crc32c(line))) return std::nullopt;
  const auto words = split(line.substr(0, end), ' ');
  if (words.size() < 6 || words[0] != "last-backup" || words[1] != "1") return std::nullopt;
  const auto time = parse_u64(words[2]);
  const auto lsn = parse_u64(words[3]);
  if (!time || !lsn) return std::nullopt;
  LastBackup out;
  out.time_us = static_cast<std::int64_t>(*time);
  out.lsn = Lsn(*lsn);
  out.full = words[4] == "full";
  out.set_path = line.substr(static_cast<std::size_t>(words[5].data() - line.data()));
  out.set_path.pop_back();  // the line's end
  return out;
}

}  // namespace hauspost::store
