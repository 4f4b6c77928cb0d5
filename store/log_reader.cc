#include "store/log_reader.h"

#include <algorithm>
#include <optional>

#include "base/bytes.h"
#include "base/log.h"
#include "store/checkpoint.h"
#include "store/disk.h"
#include "store/image.h"

namespace hauspost::store {

namespace {

constexpr std::size_t kCheckpointBytesMax = 64 * 1024;
constexpr std::size_t kLsnAt = 16;  // in a record

std::unexpected<Error> damaged(const SegmentFile& file, std::uint64_t offset,
                               const std::string& why) {
  return fail(ErrorCode::kCorrupt, fmt::format("{} at offset {}: {}", file.path, offset, why));
}

struct SegmentEnd {
  Lsn next;  // LSN the record behind the last one has
  std::uint64_t offset = 0;
  std::uint64_t epoch = 0;
};

// Of the whole record `lsn` at `at`, with its padding; 0 when it is not there.
std::uint64_t whole_length(std::string_view bytes, Lsn segment, std::uint64_t at, Lsn lsn) {
  if (at >= bytes.size()) return 0;
  const auto record = decode_record(bytes.substr(at), segment);
  return record && record->header.lsn == lsn ? aligned(record->length) : 0;
}

// Where the run of whole records that begins at `at` with record `lsn` ends.
std::uint64_t chain_end(std::string_view bytes, Lsn segment, std::uint64_t at, Lsn lsn) {
  while (const std::uint64_t length = whole_length(bytes, segment, at, lsn)) {
    at += length;
    lsn = lsn.next();
  }
  return at;
}

// The length that the header of the damaged record at `end` names, with its padding; 0 when the
// header makes no sense either.
std::uint64_t named_length(std::string_view bytes, const SegmentEnd& end) {
  ByteReader in(bytes.substr(end.offset));
  const auto magic = in.le<std::uint32_t>();
  in.take(sizeof(std::uint32_t));
  const auto length = in.le<std::uint64_t>();
  const auto lsn = in.le<std::uint64_t>();
  const bool plausible = in.ok() && magic == kRecordMagic && lsn == end.next.value &&
                         length >= kRecordHeaderBytes && length <= kRecordBytesMax &&
                         length <= bytes.size() - end.offset;
  return plausible ? aligned(length) : 0;
}

// The record up to `limit` behind the damage with which the log goes on. A message may hold what
// looks like records, but no run of them reaches as far as the log's own.
std::optional<SegmentEnd> next_whole(std::string_view bytes, Lsn segment, Lsn limit,
                                     const SegmentEnd& end) {
  std::optional<SegmentEnd> best;
  std::uint64_t furthest = 0;
  std::uint64_t at = end.offset + kRecordAlignment;
  while (at + kRecordHeaderBytes <= bytes.size()) {
    const Lsn lsn(load_le<std::uint64_t>(bytes.data() + at + kLsnAt));
    const bool candidate =
        load_le<std::uint32_t>(bytes.data() + at) == kRecordMagic && lsn > end.next && lsn <= limit;
    const std::uint64_t behind = candidate ? chain_end(bytes, segment, at, lsn) : at;
    if (behind > furthest && behind > at) {
      furthest = behind;
      best = {lsn, at, end.epoch};
    }
    at = std::max(behind, at + kRecordAlignment);
  }
  return best;
}

// Passes over a record that is damaged, though it was durable once: by its own length when the next
// record lies there or none can follow, else to where the log goes on. False: the log ends here.
bool pass_damage(std::string_view bytes, Lsn segment, Lsn durable, Lsn last, SegmentEnd& end) {
  if (end.next > durable) return false;
  const std::uint64_t length = named_length(bytes, end);
  const std::uint64_t behind = end.offset + length;
  const Lsn next = end.next.next();
  if (length != 0 && whole_length(bytes, segment, behind, next) != 0) {
    end = {next, behind, end.epoch};
    return true;
  }
  if (const auto found = next_whole(bytes, segment, std::min(durable.next(), last), end)) {
    end = *found;
    return true;
  }
  if (length == 0 || (end.next != durable && end.next != last)) return false;
  end = {next, behind, end.epoch};
  return true;
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
    const SegmentEnd damage = end;
    if (!whole && pass_damage(bytes, file.first_lsn, durable, last, end)) {
      log::warning("store.log.damage_passed", {{"path", file.path}, {"offset", damage.offset}});
      continue;
    }
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
