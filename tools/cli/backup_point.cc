#include "tools/cli/backup_point.h"

#include <time.h>

#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "base/clock.h"
#include "base/text.h"
#include "server/child/job_backup.pb.h"
#include "tools/cli/amount.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

// Digits of a fixed number of places from the front of `text`, then `separator` when it is not 0.
std::optional<int> take_number(std::string_view& text, std::size_t places, char separator) {
  if (text.size() < places) return std::nullopt;
  const auto number = parse_u64(text.substr(0, places));
  text.remove_prefix(places);
  if (!number) return std::nullopt;
  if (separator == 0) return static_cast<int>(*number);
  if (text.empty() || text.front() != separator) return std::nullopt;
  text.remove_prefix(1);
  return static_cast<int>(*number);
}

// ".25" is 250000.
std::optional<std::int64_t> take_fraction_us(std::string_view& text) {
  if (text.empty() || text.front() != '.') return 0;
  text.remove_prefix(1);
  std::int64_t us = 0;
  std::int64_t unit_us = 100'000;
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1), unit_us /= 10)
    us += (text.front() - '0') * unit_us;
  return us;
}

bool is_real(const struct tm& time) {
  const std::chrono::year_month_day date{std::chrono::year(time.tm_year + 1900),
                                         std::chrono::month(static_cast<unsigned>(time.tm_mon + 1)),
                                         std::chrono::day(static_cast<unsigned>(time.tm_mday))};
  return date.ok() && time.tm_hour < 24 && time.tm_min < 60 && time.tm_sec < 60;
}

std::optional<std::int64_t> parse_exact_us(std::string_view text) {
  struct tm time = {};
  const auto year = take_number(text, 4, '-');
  const auto month = take_number(text, 2, '-');
  const auto day = take_number(text, 2, 0);
  if (!year || !month || !day || text.empty() || (text.front() != 'T' && text.front() != ' '))
    return std::nullopt;
  text.remove_prefix(1);
  const auto hour = take_number(text, 2, ':');
  const auto minute = take_number(text, 2, ':');
  const auto second = take_number(text, 2, 0);
  const auto fraction_us = take_fraction_us(text);
  if (!hour || !minute || !second || !fraction_us) return std::nullopt;
  time.tm_year = *year - 1900;
  time.tm_mon = *month - 1;
  time.tm_mday = *day;
  time.tm_hour = *hour;
  time.tm_min = *minute;
  time.tm_sec = *second;
  time.tm_isdst = -1;
  const bool utc = text == "Z";
  if (!is_real(time) || (!utc && !text.empty())) return std::nullopt;
  const std::int64_t seconds = utc ? ::timegm(&time) : ::mktime(&time);
  return seconds * 1'000'000 + *fraction_us;
}

}  // namespace

std::optional<std::int64_t> parse_time_us(std::string_view text, std::int64_t now_s) {
  if (const auto exact = parse_exact_us(text)) return exact;
  const auto seconds = parse_moment(text, now_s);
  if (!seconds) return std::nullopt;
  return *seconds * 1'000'000;
}

void add_point_options(CLI::App& verb, PointOptions& options) {
  CLI::Option* at =
      verb.add_option("--at", options.at,
                      "As of this time: 2026-11-21T22:51:09Z, \"2026-11-21 22:51:09\" (local), "
                      "Unix seconds, or a duration ago: 3h (default: the newest moment)")
          ->type_name("TIME");
  verb.add_option("--lsn", options.lsn, "As of this record of the change log")
      ->type_name("N")
      ->excludes(at);
  verb.add_option("--set", options.set, "Of this set (default: the newest that reaches there)")
      ->type_name("N");
}

Outcome<child::wire::BackupPoint> to_point(const PointOptions& options) {
  child::wire::BackupPoint point;
  point.set_folder(absolute_path(options.folder));
  point.set_set(options.set);
  if (options.lsn) point.set_lsn(*options.lsn);
  if (options.at.empty()) return point;
  const std::int64_t now_s =
      std::chrono::duration_cast<Seconds>(system_clock().now().time_since_epoch()).count();
  const auto time_us = parse_time_us(options.at, now_s);
  if (!time_us) {
    return usage(fmt::format("--at {}: not a time; write it like 2026-11-21T22:51:09Z",
                             printable(options.at)));
  }
  point.set_time_us(*time_us);
  return point;
}

std::string absolute_path(const std::string& path) {
  std::error_code code;
  std::string absolute = std::filesystem::absolute(path, code).lexically_normal().string();
  while (absolute.size() > 1 && absolute.ends_with('/')) absolute.pop_back();
  return absolute;
}

std::string exact_time(std::int64_t time_us) {
  if (time_us == 0) return "-";
  const std::time_t seconds = static_cast<std::time_t>(time_us / 1'000'000);
  struct tm time = {};
  ::gmtime_r(&seconds, &time);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", time.tm_year + 1900,
                     time.tm_mon + 1, time.tm_mday, time.tm_hour, time.tm_min, time.tm_sec);
}

}  // namespace hauspost::cli
