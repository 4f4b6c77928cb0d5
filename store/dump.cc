#include "store/dump.h"

#include "base/text.h"
#include "store/log_reader.h"
#include "store/recovery.h"

namespace hauspost::store {

namespace {

std::string describe_record(const DumpedRecord& record) {
  const RecordHeader& header = record.header;
  return fmt::format(
      "record lsn={} epoch={} time={} segment={} offset={} bytes={} bodies={} session={} user={} "
      "device={}",
      header.lsn.value, header.epoch, utc_text(header.time_us), segment_name(record.segment),
      record.offset, record.bytes, record.bodies, header.actor.session.to_string(),
      header.actor.user.to_string(), escape_for_log(header.actor.device));
}

}  // namespace

std::string utc_text(std::int64_t time_us) {
  const WallTime time{std::chrono::microseconds(time_us)};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(seconds));
  const std::chrono::hh_mm_ss clock(seconds - std::chrono::floor<std::chrono::days>(seconds));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

Result<> dump_records(const std::string& path, Lsn first, Lsn last,
                      const std::function<void(const DumpedRecord& record)>& visit) {
  TRY_ASSIGN(const Guid guid, read_database_file(path));
  TRY_ASSIGN(const LogExtent extent, log_extent(path, guid));
  if (extent.segments.empty()) return {};
  bool done = false;
  const Lsn from = std::max(first, extent.segments.front().first_lsn);
  auto read = read_log(extent, from, [&](const PlacedRecord& placed) -> Result<> {
    done = placed.record.header.lsn > last;
    if (done) return fail(ErrorCode::kCancelled, "enough");
    DumpedRecord record;
    record.header = placed.record.header;
    record.segment = placed.segment;
    record.offset = placed.offset;
    record.bytes = placed.record.length;
    record.bodies = placed.record.blobs.size();
    TRY(read_operations(placed.record, [&](const Operation& operation) -> Result<> {
      record.operations.push_back(describe(operation));
      return {};
    }));
    visit(record);
    return {};
  });
  if (done) return {};
  return read;
}

Result<> dump_log(const std::string& path, Lsn first, Lsn last,
                  const std::function<void(std::string_view line)>& line) {
  return dump_records(path, first, last, [&](const DumpedRecord& record) {
    line(describe_record(record));
    for (const std::string& operation : record.operations) line("  " + operation);
  });
}

}  // namespace hauspost::store
