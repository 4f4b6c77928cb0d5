#include "server/directory/health_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "server/directory/names.h"
#include "server/directory/writer.h"

namespace hauspost::directory {

namespace {

constexpr std::string_view kAdministratorKey = "health.administrator";
constexpr std::string_view kOverridesKey = "health.overrides";

struct Number {
  std::string_view key;
  std::string_view words;
  std::uint32_t HealthSettings::* value;
  HealthRange range;
};
constexpr Number kNumbers[] = {
    {"health.interval_s", "seconds between probes", &HealthSettings::interval_s,
     kHealthIntervalRange},
    {"health.timeout_s", "seconds for a probe", &HealthSettings::timeout_s, kHealthTimeoutRange},
    {"health.failures", "failures", &HealthSettings::failures, kHealthFailuresRange},
    {"health.window", "probes looked at", &HealthSettings::window, kHealthWindowRange},
    {"health.restarts_per_hour", "restarts an hour", &HealthSettings::restarts_per_hour,
     kHealthRestartsRange},
    {"health.disk_free_percent", "percent of free space", &HealthSettings::disk_free_percent,
     kHealthDiskRange},
    {"health.backup_age_s", "seconds since a backup", &HealthSettings::backup_age_s,
     kHealthBackupRange},
};

struct Switch {
  std::string_view key;
  bool HealthSettings::* value;
};
constexpr Switch kSwitches[] = {{"health.probes", &HealthSettings::probes},
                                {"health.restarts", &HealthSettings::restarts},
                                {"health.mail", &HealthSettings::mail}};

bool holds(const HealthRange& range, std::uint64_t value) {
  return value >= range.least && value <= range.most;
}

std::string backup_key(const Guid& database) { return "health.backup." + database.to_string(); }

Result<> check_override(const HealthOverride& one) {
  const bool plain = std::ranges::none_of(
      one.set, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
  if (plain && !one.set.empty() && one.set.size() <= kHealthSetMax) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("\"{}\" is no name of a health set", escape_for_log(one.set)));
}

}  // namespace

Result<HealthSettings> health_settings(const DirectoryReader& reader) {
  HealthSettings settings;
  TRY_ASSIGN(settings.administrator, reader.setting(kAdministratorKey));
  for (const Switch& one : kSwitches) {
    TRY_ASSIGN(const std::string text, reader.setting(one.key));
    if (!text.empty()) settings.*one.value = text != "off";
  }
  for (const Number& number : kNumbers) {
    TRY_ASSIGN(const std::string text, reader.setting(number.key));
    const auto value = parse_u64(text);
    if (value && holds(number.range, *value))
      settings.*number.value = static_cast<std::uint32_t>(*value);
  }
  return settings;
}

Result<> check(const HealthSettings& settings) {
  if (!settings.administrator.empty()) TRY(parse_address(settings.administrator));
  for (const Number& number : kNumbers) {
    const std::uint32_t value = settings.*number.value;
    if (holds(number.range, value)) continue;
    return fail(ErrorCode::kInvalid,
                fmt::format("{} {}: must be from {} to {}", value, number.words, number.range.least,
                            number.range.most));
  }
  if (settings.window >= settings.failures) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("{} failures of the last {} probes: there cannot be so many",
                          settings.failures, settings.window));
}

Result<> set_health_settings(DirectoryWriter& writer, const HealthSettings& settings) {
  TRY(check(settings));
  TRY(writer.set_setting(kAdministratorKey, settings.administrator));
  for (const Switch& one : kSwitches)
    TRY(writer.set_setting(one.key, settings.*one.value ? "on" : "off"));
  for (const Number& number : kNumbers)
    TRY(writer.set_setting(number.key, std::to_string(settings.*number.value)));
  return {};
}

// One a line: when it ends, a space, its name.
Result<std::vector<HealthOverride>> health_overrides(const DirectoryReader& reader,
                                                     std::int64_t now_s) {
  TRY_ASSIGN(const std::string text, reader.setting(kOverridesKey));
  std::vector<HealthOverride> all;
  for (const std::string_view line : split(text, '\n')) {
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) continue;
    const auto until = parse_u64(line.substr(0, space));
    if (!until) continue;
    const auto until_s = static_cast<std::int64_t>(*until);
    if (until_s == 0 || until_s > now_s)
      all.push_back({std::string(line.substr(space + 1)), until_s});
  }
  std::ranges::sort(all, {}, &HealthOverride::set);
  return all;
}

Result<> set_health_overrides(DirectoryWriter& writer, const std::vector<HealthOverride>& all) {
  if (all.size() > kHealthOverridesMax)
    return fail(ErrorCode::kInvalid, "too many health sets are switched off one by one");
  std::string text;
  for (const HealthOverride& one : all) {
    TRY(check_override(one));
    text += fmt::format("{} {}\n", one.until_s, one.set);
  }
  return writer.set_setting(kOverridesKey, text);
}

Result<std::int64_t> last_backup(const DirectoryReader& reader, const Guid& database) {
  TRY_ASSIGN(const std::string text, reader.setting(backup_key(database)));
  return static_cast<std::int64_t>(parse_u64(text).value_or(0));
}

Result<> note_backup(DirectoryWriter& writer, const Guid& database, std::int64_t ended_s) {
  return writer.set_setting(backup_key(database), std::to_string(ended_s));
}

}  // namespace hauspost::directory
