#include "store/dump.h"

#include "base/text.h"
#include "store/log_reader.h"
#include "store/recovery.h"

namespace hauspost::store {

namespace {

std::string describe_record(const PlacedRecord& placed) {
  const RecordHeader& header = placed.record.header;
  const WallTime time{std::chrono::microseconds(header.time_us)};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(seconds));
  const std::chrono::hh_mm_ss clock(seconds - std::chrono::floor<std::chrono::days>(seconds));
  return fmt::format(
      "record lsn={} epoch={} time={:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z segment={} offset={} "
      "bytes={} bodies={} session={} user={} device={}",
      header.lsn.value, header.epoch, static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
      clock.minutes().count(), clock.seconds().count(), segment_name(placed.segment), placed.offset,
      placed.record.length, placed.record.blobs.size(), header.actor.session.to_string(),
      header.actor.user.to_string(), escape_for_log(header.actor.device));
}

}  // namespace

Result<> dump_log(const std::string& path, Lsn first, Lsn last,
                  const std::function<void(std::string_view line)>& line) {
  TRY_ASSIGN(const Guid guid, read_database_file(path));
  TRY_ASSIGN(const LogExtent extent, scan_log(log_folder(path), guid));
  return read_log(extent, std::max(first, Lsn(1)), [&](const PlacedRecord& placed) -> Result<> {
    if (placed.record.header.lsn > last) return {};
    line(describe_record(placed));
    return read_operations(placed.record, [&](const Operation& operation) -> Result<> {
      line("  " + describe(operation));
      return {};
    });
  });
}

}  // namespace hauspost::store
