#include "store/log_reader.h"

#include "base/bytes.h"
#include "store/checkpoint.h"
#include "store/disk.h"
#include "store/image.h"

namespace hauspost::store {

namespace {

constexpr std::size_t kCheckpointBytesMax = 64 * 1024;

std::unexpected<Error> damaged(const SegmentFile& file, std::uint64_t offset,
                               const std::string& why) {
  return fail(ErrorCode::kCorrupt, fmt::format("{} at offset {}: {}", file.path, offset, why));
}

struct SegmentEnd {
  Lsn next;  // LSN the record behind the last one has
  std::uint64_t offset = 0;
  std::uint64_t epoch = 0;
};

// Passes over a record that is damaged, though it was durable once: by its own length when its
// header still makes sense, else to the next whole one. False: the log ends here.
bool pass_damage(std::string_view bytes, Lsn segment, Lsn durable, SegmentEnd& end) {
  if (end.next > durable) return false;
  ByteReader in(bytes.substr(end.offset));
  const auto magic = in.le<std::uint32_t>();
  in.take(sizeof(std::uint32_t));
  const auto length = in.le<std::uint64_t>();
  const auto lsn = in.le<std::uint64_t>();
  if (in.ok() && magic == kRecordMagic && lsn == end.next.value && length >= kRecordHeaderBytes &&
      length <= std::min<std::uint64_t>(kRecordBytesMax, bytes.size() - end.offset)) {
    end.next = end.next.next();
    end.offset += aligned(length);
    return true;
  }
  for (std::uint64_t at = end.offset + kRecordAlignment; at + kRecordHeaderBytes <= bytes.size();
       at += kRecordAlignment) {
    if (load_le<std::uint32_t>(bytes.data() + at) != kRecordMagic) continue;
    const auto record = decode_record(bytes.substr(at), segment);
    if (!record || record->header.lsn <= end.next || record->header.lsn > durable.next()) continue;
    end.next = record->header.lsn;
    end.offset = at;
    return true;
  }
  return false;
}

// Through one segment until no whole record follows, or `last` was read: the log of an open
// database grows meanwhile. Damage up to `durable` is passed over.
Result<SegmentEnd> read_segment(const SegmentFile& file, const SegmentMap& map, Lsn last,
                                Lsn durable, const RecordVisitor& visit) {
  SegmentEnd end{file.first_lsn, kSegmentHeaderBytes, 0};
  const std::string_view bytes = map.bytes();
  while (end.offset < bytes.size() && end.next <= last) {
    auto record = decode_record(bytes.substr(end.offset), file.first_lsn);
    const bool whole =
        record && record->header.lsn == end.next && record->header.epoch >= end.epoch;
    if (!whole && pass_damage(bytes, file.first_lsn, durable, end)) continue;
    if (!record && record.error().code != ErrorCode::kNotFound)
      return damaged(file, end.offset, record.error().text);
    if (!whole) break;
    end.epoch = record->header.epoch;
    const std::uint64_t length = record->length;
    TRY(visit({std::move(*record), file.first_lsn, end.offset, bytes.substr(end.offset, length)}));
    end.next = end.next.next();
    end.offset += aligned(length);
  }
  return end;
}

Result<SegmentHeader> check_header(const SegmentFile& file, const SegmentMap& map,
                                   const Guid& database) {
  auto header = decode_segment_header(map.bytes());
  if (!header) return damaged(file, 0, header.error().text);
  if (header->first_lsn != file.first_lsn)
    return damaged(file, 0, "is not the segment it is named");
  if (header->database != database) return damaged(file, 0, "belongs to another database");
  return header;
}

Result<> ignore(const PlacedRecord&) { return {}; }

}  // namespace

Result<LogExtent> scan_log(const std::string& log_folder, const Guid& database, Lsn durable) {
  LogExtent extent;
  TRY_ASSIGN(extent.segments, list_segments(log_folder));
  for (const SegmentFile& file : extent.segments) {
    TRY_ASSIGN(const auto map, SegmentMap::open(file.path));
    TRY_ASSIGN(const SegmentHeader header, check_header(file, *map, database));
    if (header.epoch < extent.epoch) return damaged(file, 0, "epochs go back");
    extent.epoch = header.epoch;
    if (&file != &extent.segments.back()) continue;
    TRY_ASSIGN(const SegmentEnd end, read_segment(file, *map, Lsn(UINT64_MAX), durable, ignore));
    extent.last = Lsn(end.next.value - 1);
    extent.end = end.offset;
    extent.epoch = std::max(extent.epoch, end.epoch);
  }
  return extent;
}

Lsn durable_lsn(const std::string& folder, const Guid& database) {
  Lsn durable;
  const auto raw = read_file(folder + "/" + std::string(kCheckpointFile), kCheckpointBytesMax);
  const auto checkpoint = raw ? decode_checkpoint(*raw) : fail(ErrorCode::kNotFound, "none");
  if (checkpoint && checkpoint->database == database) durable = checkpoint->lsn;
  const auto image = read_image_info(folder + "/" + std::string(kImageFile));
  if (image && image->database == database) durable = std::max(durable, image->lsn);
  return durable;
}

Result<LogExtent> log_extent(const std::string& folder, const Guid& database) {
  TRY_ASSIGN(LogExtent extent, scan_log(folder + "/log", database, durable_lsn(folder, database)));
  const auto image = read_image_info(folder + "/" + std::string(kImageFile));
  if (image && image->database == database && image->lsn <= extent.last)
    extent.covered = image->lsn;
  return extent;
}

Result<> read_log(const LogExtent& extent, Lsn from, const RecordVisitor& visit) {
  if (from > extent.last) return {};
  const auto behind = std::ranges::upper_bound(extent.segments, from, {}, &SegmentFile::first_lsn);
  if (behind == extent.segments.begin())
    return fail(ErrorCode::kCorrupt,
                fmt::format("the change log begins behind record {}", from.value));
  for (auto file = behind - 1; file != extent.segments.end(); ++file) {
    TRY_ASSIGN(const auto map, SegmentMap::open(file->path));
    TRY_ASSIGN(const SegmentEnd end, read_segment(*file, *map, extent.last, Lsn(from.value - 1),
                                                  [&](const PlacedRecord& placed) -> Result<> {
                                                    if (placed.record.header.lsn < from) return {};
                                                    return visit(placed);
                                                  }));
    const auto next = file + 1;
    const Lsn expected = next == extent.segments.end() ? extent.last.next() : next->first_lsn;
    const bool dropped = end.next < expected && expected.value - 1 <= extent.covered.value;
    if (end.next != expected && !dropped)
      return damaged(*file, end.offset,
                     fmt::format("record {} is damaged or missing", end.next.value));
  }
  return {};
}

Result<> read_operations(const RecordView& record,
                         const std::function<Result<>(const Operation&)>& visit) {
  std::string_view bytes = record.operation_bytes;
  for (std::uint32_t i = 0; i < record.operations; ++i) {
    TRY_ASSIGN(const Operation operation, decode_operation(bytes));
    TRY(visit(operation));
  }
  if (!bytes.empty()) return fail(ErrorCode::kCorrupt, "record with operations left over");
  return {};
}

}  // namespace hauspost::store
