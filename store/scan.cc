#include "store/scan.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "base/bytes.h"
#include "base/text.h"
#include "store/chunk.h"
#include "store/throttle.h"

namespace hauspost::store {

namespace {

constexpr std::size_t kWindowBytes = 256 * 1024;
constexpr std::size_t kSectorBytes = 4096;    // read alone when a window fails
constexpr std::size_t kBlobSizesAt = 12;      // u32 summary bytes, u64 message bytes
constexpr std::size_t kRecordHeadBytes = 24;  // magic, CRC, length, LSN

// A file's bytes through a window of our own.
class WindowReader {
 public:
  static Result<WindowReader> open(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return fail(errno_error("opening " + path));
    WindowReader reader(descriptor);
    struct stat info;
    if (::fstat(descriptor, &info) != 0) return fail(errno_error("looking at " + path));
    reader.size_ = static_cast<std::uint64_t>(info.st_size);
    // What is cached and unused is read from the disk again: that is what a scan is for.
    ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
    ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
    return reader;
  }
  WindowReader(WindowReader&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)),
        size_(other.size_),
        begin_(other.begin_),
        window_(std::move(other.window_)) {}
  WindowReader& operator=(WindowReader&&) = delete;
  ~WindowReader() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  std::uint64_t size() const { return size_; }

  // At least one and at most `count` bytes from `offset`; empty at the end. Valid until the next
  // call.
  Result<std::string_view> at(std::uint64_t offset, std::size_t count) {
    if (offset >= size_) return std::string_view();
    const bool inside = offset >= begin_ && offset - begin_ < window_.size();
    const std::size_t wanted = std::min<std::uint64_t>({count, kWindowBytes, size_ - offset});
    if (!inside || window_.size() - (offset - begin_) < std::min(wanted, kRecordHeadBytes)) {
      TRY(fill(offset));
    }
    const std::string_view rest = std::string_view(window_).substr(offset - begin_);
    return rest.substr(0, std::min(wanted, rest.size()));
  }

 private:
  explicit WindowReader(int descriptor) : descriptor_(descriptor) {}

  Result<> fill(std::uint64_t offset) {
    begin_ = offset;
    for (const std::size_t count : {kWindowBytes, kSectorBytes}) {
      window_.resize(count);
      const ssize_t got = ::pread(descriptor_, window_.data(), count, static_cast<off_t>(offset));
      if (got > 0) {
        window_.resize(static_cast<std::size_t>(got));
        return {};
      }
    }
    const int error_number = errno;
    window_.clear();
    return fail(errno_error("reading", error_number));
  }

  int descriptor_;
  std::uint64_t size_ = 0;
  std::uint64_t begin_ = 0;  // of the window in the file
  std::string window_;
};

// The CRC of `count` bytes from `offset`. kCorrupt: the file ends before.
Result<std::uint32_t> crc_of(WindowReader& file, std::uint64_t offset, std::uint64_t count,
                             std::uint32_t seed, const Progress& progress) {
  while (count > 0) {
    TRY(progress.check());
    TRY_ASSIGN(const std::string_view bytes,
               file.at(offset, static_cast<std::size_t>(std::min<std::uint64_t>(count, SIZE_MAX))));
    if (bytes.empty()) return fail(ErrorCode::kCorrupt, "the file ends too early");
    seed = crc32c(bytes, seed);
    offset += bytes.size();
    count -= bytes.size();
  }
  return seed;
}

struct RecordSpan {
  Lsn lsn;
  std::uint64_t length = 0;
};

// One segment, from a record's place to its end.
class SegmentScan {
 public:
  SegmentScan(WindowReader file, Lsn segment, Lsn last, Throttle& throttle, Progress& progress,
              ScanReport& report)
      : file_(std::move(file)),
        segment_(segment),
        last_(last),
        seed_(record_seed(segment)),
        throttle_(throttle),
        progress_(progress),
        report_(report) {}

  Result<> check_header(const Guid& database) {
    const auto bytes = file_.at(0, kSegmentHeaderBytes);
    if (!bytes) return hurt(0, kSegmentHeaderBytes, Lsn(), bytes.error().text);
    const auto header = decode_segment_header(*bytes);
    if (!header) return hurt(0, kSegmentHeaderBytes, Lsn(), header.error().text);
    if (header->first_lsn != segment_ || header->database != database)
      return hurt(0, kSegmentHeaderBytes, Lsn(), "the segment is not the one it is named");
    return {};
  }

  // `expected` is the LSN at `offset`, 0 when it is not known. `passed` hears where it is.
  Result<> run(std::uint64_t offset, Lsn expected,
               const std::function<void(std::uint64_t)>& passed) {
    std::uint64_t told = offset;
    while (offset < file_.size() && (expected == Lsn() || expected <= last_)) {
      std::string why = "no whole record where one must be";
      TRY_ASSIGN(const auto record, whole_record(offset, why));
      if (record && (expected == Lsn() || record->lsn == expected)) {
        if (record->lsn > last_) break;
        ++report_.records;
        offset += aligned(record->length);
        expected = record->lsn.next();
      } else {
        TRY_ASSIGN(const auto next, find_next(offset + kRecordAlignment, expected));
        if (!next) {
          TRY(finish(offset, expected, why));
          break;
        }
        TRY(hurt(offset, next->first - offset, expected, why, next->second));
        offset = next->first;
        expected = next->second;
      }
      TRY(pay(offset - told));
      if (passed) passed(offset);
      told = offset;
    }
    next_ = expected;
    return pay(file_.size() - told);
  }

  Lsn next() const { return next_; }  // LSN behind the last record; 0: none was seen

 private:
  Result<> pay(std::uint64_t bytes) {
    progress_.add(bytes);
    report_.bytes += bytes;
    return throttle_.spend(bytes, progress_);
  }

  Result<> hurt(std::uint64_t offset, std::uint64_t bytes, Lsn lsn, std::string why,
                Lsn behind = Lsn()) {
    if (report_.damage.size() < ScanReport::kDamageMax)
      report_.damage.push_back({segment_, offset, bytes, lsn, behind, std::move(why), {}});
    return {};
  }

  // nullopt: none that is whole; `why` says what is wrong when something is there.
  Result<std::optional<RecordSpan>> whole_record(std::uint64_t offset, std::string& why) {
    const auto head = file_.at(offset, kRecordHeadBytes);
    if (!head) {
      why = head.error().text;
      return std::nullopt;
    }
    if (head->size() < kRecordHeadBytes) return std::nullopt;
    ByteReader in(*head);
    const auto magic = in.le<std::uint32_t>();
    const auto crc = in.le<std::uint32_t>();
    const auto length = in.le<std::uint64_t>();
    const auto lsn = in.le<std::uint64_t>();
    if (magic != kRecordMagic || length < kRecordHeaderBytes || length > kRecordBytesMax ||
        length > file_.size() - offset)
      return std::nullopt;
    const auto found = crc_of(file_, offset + kCrcBegins, length - kCrcBegins, seed_, progress_);
    if (!found && found.error().code == ErrorCode::kCancelled) return fail(found.error());
    if (!found || *found != crc) {
      why = found ? fmt::format("record {} fails its CRC", lsn) : found.error().text;
      return std::nullopt;
    }
    return RecordSpan{Lsn(lsn), length};
  }

  // The next whole record behind a damaged place, and its LSN.
  Result<std::optional<std::pair<std::uint64_t, Lsn>>> find_next(std::uint64_t offset,
                                                                 Lsn expected) {
    std::string ignored;
    while (offset < file_.size()) {
      TRY(progress_.check());
      const auto bytes = file_.at(offset, kWindowBytes);
      if (!bytes) {
        offset = (offset / kSectorBytes + 1) * kSectorBytes;
        continue;
      }
      const std::size_t whole = bytes->size() / kRecordAlignment * kRecordAlignment;
      if (whole == 0) break;
      std::size_t at = 0;
      while (at < whole && load_le<std::uint32_t>(bytes->data() + at) != kRecordMagic)
        at += kRecordAlignment;
      offset += at;
      if (at == whole) continue;
      TRY_ASSIGN(const auto record, whole_record(offset, ignored));
      if (record && record->lsn > expected && record->lsn <= last_)
        return std::pair(offset, record->lsn);
      offset += kRecordAlignment;
    }
    return std::nullopt;
  }

  // Nothing whole follows: the segment's end, when only zeros do.
  Result<> finish(std::uint64_t offset, Lsn expected, const std::string& why) {
    std::uint64_t dirty_end = offset;
    for (std::uint64_t at = offset; at < file_.size();) {
      TRY(progress_.check());
      const auto bytes = file_.at(at, kWindowBytes);
      if (!bytes) {
        at = dirty_end = (at / kSectorBytes + 1) * kSectorBytes;
        continue;
      }
      const std::size_t last = bytes->find_last_not_of('\0');
      if (last != std::string_view::npos) dirty_end = at + last + 1;
      at += bytes->size();
    }
    if (dirty_end == offset) return {};
    return hurt(offset, std::min(dirty_end, file_.size()) - offset, expected, why);
  }

  WindowReader file_;
  const Lsn segment_;
  const Lsn last_;
  const std::uint32_t seed_;
  Throttle& throttle_;
  Progress& progress_;
  ScanReport& report_;
  Lsn next_;
};

// What a segment's end says: `behind` is the LSN that must follow it.
void close_segment(const SegmentFile& file, Lsn next, Lsn behind, Lsn last,
                   const ScanOptions& options, ScanReport& report) {
  const bool known = behind <= last || last != kWholeLog;
  if (!known || next == Lsn() || next >= behind) return;
  if (!report.damage.empty() && report.damage.back().segment == file.first_lsn &&
      report.damage.back().behind == Lsn()) {
    report.damage.back().behind = behind;
    return;
  }
  if (behind.value - 1 <= options.covered.value && behind <= last) return;
  report.damage.push_back(
      {file.first_lsn,
       file.bytes,
       0,
       next,
       behind,
       fmt::format("records {} to {} are missing behind it", next.value, behind.value - 1),
       {}});
}

}  // namespace

Result<ScanReport> scan_segments(const std::string& log_folder, const Guid& database, Lsn last,
                                 const ScanOptions& options, Progress& progress) {
  TRY_ASSIGN(const auto files, list_segments(log_folder));
  ScanReport report;
  Throttle throttle(options.bytes_per_second);
  std::uint64_t total = 0;
  for (const SegmentFile& file : files)
    total += file.first_lsn < options.from.segment || file.first_lsn > last ? 0 : file.bytes;
  progress.begin("reading the change log", total);
  std::size_t told = 0;
  const auto tell_found = [&] {
    for (; told < report.damage.size() && options.found; ++told) options.found(report.damage[told]);
  };
  for (const SegmentFile& file : files) {
    if (file.first_lsn < options.from.segment || file.first_lsn > last) continue;
    auto reader = WindowReader::open(file.path);
    if (!reader) {
      report.damage.push_back(
          {file.first_lsn, 0, file.bytes, file.first_lsn, Lsn(), reader.error().text, {}});
      tell_found();
      continue;
    }
    SegmentScan scan(std::move(*reader), file.first_lsn, last, throttle, progress, report);
    const bool resumed = file.first_lsn == options.from.segment &&
                         options.from.offset > kSegmentHeaderBytes &&
                         options.from.offset < file.bytes;
    if (!resumed) TRY(scan.check_header(database));
    const auto passed = [&](std::uint64_t offset) {
      if (options.passed) options.passed({file.first_lsn, offset}, report.bytes);
    };
    TRY(scan.run(resumed ? options.from.offset : kSegmentHeaderBytes,
                 resumed ? Lsn() : file.first_lsn, passed));
    const auto* const following = &file == &files.back() ? nullptr : &file + 1;
    close_segment(file, scan.next(), following ? following->first_lsn : last.next(), last, options,
                  report);
    tell_found();
    report.next = {file.first_lsn.next(), 0};
    if (options.passed) options.passed(report.next, report.bytes);
    report.at_end = &file == &files.back();
    if (options.one_segment) break;
  }
  return report;
}

namespace {

// Whether the blob of a row is what its own CRC says.
bool blob_is_whole(WindowReader& file, const BodyRow& row) {
  Progress progress;
  const auto head = file.at(row.offset, kCrcBegins);
  if (!head || head->size() < kCrcBegins || row.bytes < kBlobHeaderBytes) return false;
  const auto crc = load_le<std::uint32_t>(head->data() + 4);
  const auto found = crc_of(file, row.offset + kCrcBegins, row.bytes - kCrcBegins, 0, progress);
  return found && *found == crc;
}

class Namer {
 public:
  Namer(const Txn& txn, const Index& index, const std::string& log_folder,
        std::vector<Damage>& damage)
      : txn_(txn), index_(index), folder_(log_folder), damage_(damage) {}

  Result<> run() {
    TRY(find_bodies());
    if (hurt_.empty()) return {};
    TRY(read_mailboxes());
    return find_messages();
  }

 private:
  struct Hurt {
    std::size_t damage = 0;  // in damage_
    BodyRow place;
  };

  Result<> find_bodies() {
    TRY_ASSIGN(Cursor cursor, Cursor::open(txn_, index_.bodies));
    TRY_ASSIGN(bool here, cursor.first());
    while (here) {
      TRY_ASSIGN(const BodyRow row, decode_body(cursor.value()));
      if (const auto found = damage_at(row); found && !blob_whole(row))
        hurt_.emplace(load_be<std::uint64_t>(cursor.key().data()), Hurt{*found, row});
      TRY_ASSIGN(here, cursor.next());
    }
    return {};
  }

  std::optional<std::size_t> damage_at(const BodyRow& row) const {
    for (std::size_t i = 0; i < damage_.size(); ++i) {
      const Damage& damage = damage_[i];
      if (damage.segment == row.segment && row.offset < damage.offset + damage.bytes &&
          damage.offset < row.offset + row.bytes)
        return i;
    }
    return std::nullopt;
  }

  bool blob_whole(const BodyRow& row) {
    auto found = files_.find(row.segment);
    if (found == files_.end()) {
      auto opened = WindowReader::open(folder_ + "/" + segment_name(row.segment));
      if (!opened) return false;
      found = files_.emplace(row.segment, std::move(*opened)).first;
    }
    return blob_is_whole(found->second, row);
  }

  Result<> read_mailboxes() {
    TRY_ASSIGN(Cursor cursor, Cursor::open(txn_, index_.mailboxes));
    TRY_ASSIGN(bool here, cursor.first());
    while (here) {
      if (const auto guid = Guid::from_bytes(cursor.key())) {
        TRY_ASSIGN(Mailbox mailbox, decode_mailbox(*guid, cursor.value()));
        mailboxes_.emplace(mailbox.id, std::move(mailbox));
      }
      TRY_ASSIGN(here, cursor.next());
    }
    return {};
  }

  Result<> find_messages() {
    TRY_ASSIGN(Cursor cursor, Cursor::open(txn_, index_.messages));
    TRY_ASSIGN(bool here, cursor.first());
    while (here) {
      TRY_ASSIGN(const ChunkView chunk, ChunkView::parse(cursor.value()));
      const FolderId folder(load_be<std::uint32_t>(cursor.key().data()));
      for (std::size_t i = 0; i < chunk.size(); ++i) {
        const Message message = chunk.message(i);
        if (const auto found = hurt_.find(message.body.value); found != hurt_.end())
          TRY(add(found->second, folder, message));
      }
      TRY_ASSIGN(here, cursor.next());
    }
    return {};
  }

  Result<> add(const Hurt& hurt, FolderId folder, const Message& message) {
    DamagedMessage out;
    out.folder_id = folder;
    out.uid = message.uid;
    out.body = message.body;
    out.bytes = message.size;
    out.place = hurt.place;
    TRY_ASSIGN(auto row, read_folder(txn_, index_, folder));
    if (row) {
      if (const auto mailbox = mailboxes_.find(row->folder.mailbox); mailbox != mailboxes_.end()) {
        out.mailbox = mailbox->second.guid;
        out.label = mailbox->second.label;
      }
    }
    for (std::size_t depth = 0; row && depth < kFolderDepthMax; ++depth) {
      out.folder = out.folder.empty() ? row->folder.name
                                      : row->folder.name + kHierarchySeparator + out.folder;
      if (row->folder.parent == FolderId()) break;
      TRY_ASSIGN(row, read_folder(txn_, index_, row->folder.parent));
    }
    damage_[hurt.damage].messages.push_back(std::move(out));
    return {};
  }

  const Txn& txn_;
  const Index& index_;
  const std::string& folder_;
  std::vector<Damage>& damage_;
  std::map<Lsn, WindowReader> files_;
  std::unordered_map<std::uint64_t, Hurt> hurt_;  // by body
  std::unordered_map<MailboxId, Mailbox> mailboxes_;
};

}  // namespace

Result<> name_messages(const Txn& txn, const Index& index, const std::string& log_folder,
                       std::vector<Damage>& damage) {
  if (damage.empty()) return {};
  return Namer(txn, index, log_folder, damage).run();
}

Result<std::string> read_damaged(const std::string& log_folder, const DamagedMessage& message) {
  const BodyRow& place = message.place;
  TRY_ASSIGN(auto file, WindowReader::open(log_folder + "/" + segment_name(place.segment)));
  std::string blob;
  while (blob.size() < place.bytes) {
    const std::uint64_t at = place.offset + blob.size();
    const std::uint64_t rest = place.bytes - blob.size();
    const auto bytes =
        file.at(at, static_cast<std::size_t>(std::min<std::uint64_t>(rest, kWindowBytes)));
    if (bytes && bytes->empty()) break;
    if (bytes) {
      blob += *bytes;
    } else {
      blob.append(std::min<std::uint64_t>(rest, kSectorBytes - at % kSectorBytes), '\0');
    }
  }
  if (blob.size() < kBlobHeaderBytes) return blob;
  ByteReader in(std::string_view(blob).substr(kBlobSizesAt));
  const auto summary_bytes = in.le<std::uint32_t>();
  const auto stored = in.le<std::uint64_t>();
  if (kBlobHeaderBytes + std::uint64_t{summary_bytes} + stored != blob.size()) return blob;
  return blob.substr(kBlobHeaderBytes + summary_bytes);
}

std::string describe(const DamagedMessage& message) {
  return fmt::format(
      "message {} in {} of {} ({} bytes)", message.uid.value, escape_for_log(message.folder),
      message.label.empty() ? message.mailbox.to_string() : escape_for_log(message.label),
      message.bytes);
}

std::string describe(const Damage& damage) {
  std::string text = fmt::format("segment {} at offset {}: {}", segment_name(damage.segment),
                                 damage.offset, damage.what);
  if (damage.messages.empty()) return text + "; no message's text is hurt";
  for (const DamagedMessage& message : damage.messages) text += "; " + describe(message);
  return text;
}

}  // namespace hauspost::store
