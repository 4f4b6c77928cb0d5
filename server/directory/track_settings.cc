#include "server/directory/track_settings.h"

#include <fmt/format.h>

#include "base/text.h"
#include "server/directory/writer.h"

namespace hauspost::directory {

namespace {

constexpr std::string_view kSubjectsKey = "track.subjects";

struct Log {
  std::string_view name;  // of keys and in words
  LogSettings TrackSettings::* settings;
};
constexpr Log kLogs[] = {{"tracking", &TrackSettings::tracking},
                         {"protocol", &TrackSettings::protocol},
                         {"connectivity", &TrackSettings::connectivity}};

struct Number {
  std::string_view name;
  std::string_view words;
  std::uint32_t LogSettings::* value;
  std::uint32_t most;
};
constexpr Number kNumbers[] = {
    {"days", "days", &LogSettings::days, kLogDaysMost},
    {"total_mib", "MiB of all files", &LogSettings::total_mib, kLogTotalMibMost},
    {"file_mib", "MiB of a file", &LogSettings::file_mib, kLogFileMibMost},
};

std::string key(const Log& log, std::string_view what) {
  return fmt::format("track.{}.{}", log.name, what);
}

}  // namespace

TrackSettings track_settings(const DirectoryReader& reader) {
  TrackSettings settings;
  const auto ask = [&](std::string_view name) {
    return reader.setting(name).value_or(std::string());
  };
  for (const Log& log : kLogs) {
    LogSettings& one = settings.*log.settings;
    one.enabled = ask(key(log, "enabled")) != "off";
    for (const Number& number : kNumbers) {
      const auto value = parse_u64(ask(key(log, number.name)));
      if (value && *value >= 1 && *value <= number.most)
        one.*number.value = static_cast<std::uint32_t>(*value);
    }
  }
  settings.subjects = ask(kSubjectsKey) != "off";
  return settings;
}

Result<> check(const TrackSettings& settings) {
  for (const Log& log : kLogs) {
    const LogSettings& one = settings.*log.settings;
    for (const Number& number : kNumbers) {
      const std::uint32_t value = one.*number.value;
      if (value >= 1 && value <= number.most) continue;
      return fail(ErrorCode::kInvalid, fmt::format("{} {} of the {} log: must be from 1 to {}",
                                                   value, number.words, log.name, number.most));
    }
    if (one.file_mib > one.total_mib) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("a file of the {} log may not be larger ({} MiB) than all of them "
                              "({} MiB)",
                              log.name, one.file_mib, one.total_mib));
    }
  }
  return {};
}

Result<> set_track_settings(DirectoryWriter& writer, const TrackSettings& settings) {
  TRY(check(settings));
  const TrackSettings defaults;
  for (const Log& log : kLogs) {
    const LogSettings& one = settings.*log.settings;
    TRY(writer.set_setting(key(log, "enabled"), one.enabled ? "" : "off"));
    for (const Number& number : kNumbers) {
      const std::uint32_t value = one.*number.value;
      const bool usual = value == (defaults.*log.settings).*number.value;
      TRY(writer.set_setting(key(log, number.name), usual ? std::string() : std::to_string(value)));
    }
  }
  return writer.set_setting(kSubjectsKey, settings.subjects ? "" : "off");
}

}  // namespace hauspost::directory
