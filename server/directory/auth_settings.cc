#include "server/directory/auth_settings.h"

#include <fmt/format.h>

#include "base/text.h"
#include "server/directory/writer.h"

namespace hauspost::directory {

namespace {

struct AuthNumber {
  std::string_view key;
  std::string_view words;
  std::uint64_t AuthSettings::* value;
  AuthRange range;
};
constexpr AuthNumber kNumbers[] = {
    {"auth.hash_memory_bytes", "bytes of memory for a hash", &AuthSettings::hash_memory_bytes,
     kHashMemoryRange},
    {"auth.hash_passes", "passes of a hash", &AuthSettings::hash_passes, kHashPassesRange},
    {"auth.scram_iterations", "iterations", &AuthSettings::scram_iterations, kScramIterationsRange},
    {"auth.cache_s", "seconds that a login is remembered", &AuthSettings::cache_s,
     kLoginCacheRange},
};

struct AuthSwitch {
  std::string_view key;
  bool AuthSettings::* value;
};
constexpr AuthSwitch kSwitches[] = {
    {"auth.scram_sha_256", &AuthSettings::scram_sha_256},
    {"auth.scram_sha_1", &AuthSettings::scram_sha_1},
};

bool holds(const AuthRange& range, std::uint64_t value) {
  return value >= range.least && value <= range.most;
}

}  // namespace

Result<AuthSettings> auth_settings(const DirectoryReader& reader) {
  AuthSettings settings;
  for (const AuthNumber& number : kNumbers) {
    TRY_ASSIGN(const std::string text, reader.setting(number.key));
    const auto value = parse_u64(text);
    if (value && holds(number.range, *value)) settings.*number.value = *value;
  }
  for (const AuthSwitch& one : kSwitches) {
    TRY_ASSIGN(const std::string text, reader.setting(one.key));
    if (!text.empty()) settings.*one.value = text == "on";
  }
  return settings;
}

Result<> check(const AuthSettings& settings) {
  for (const AuthNumber& number : kNumbers) {
    const std::uint64_t value = settings.*number.value;
    if (holds(number.range, value)) continue;
    return fail(ErrorCode::kInvalid,
                fmt::format("{} {}: must be from {} to {}", value, number.words, number.range.least,
                            number.range.most));
  }
  return {};
}

Result<> set_auth_settings(DirectoryWriter& writer, const AuthSettings& settings) {
  TRY(check(settings));
  for (const AuthNumber& number : kNumbers)
    TRY(writer.set_setting(number.key, std::to_string(settings.*number.value)));
  for (const AuthSwitch& one : kSwitches)
    TRY(writer.set_setting(one.key, settings.*one.value ? "on" : "off"));
  return {};
}

}  // namespace hauspost::directory
