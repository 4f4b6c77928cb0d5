#include "server/directory/pop3_settings.h"

#include <fmt/format.h>

#include "base/text.h"
#include "server/directory/writer.h"

namespace hauspost::directory {

namespace {

constexpr std::string_view kSortOrderKey = "pop3.sort_order";
constexpr std::string_view kNewestFirst = "newest-first";
constexpr std::string_view kOldestFirst = "oldest-first";

struct Number {
  std::string_view key;
  std::string_view words;
  std::uint32_t Pop3Settings::* value;
  Pop3Range range;
};
constexpr Number kNumbers[] = {
    {"pop3.sessions_per_account_max", "sessions of an account",
     &Pop3Settings::sessions_per_account_max, kPop3SessionsRange},
    {"pop3.login_s", "seconds to log in", &Pop3Settings::login_s, kPop3LoginRange},
    {"pop3.idle_s", "seconds without a command", &Pop3Settings::idle_s, kPop3IdleRange},
    {"pop3.line_bytes_max", "bytes of a command", &Pop3Settings::line_bytes_max, kPop3LineRange},
};

bool holds(const Pop3Range& range, std::uint64_t value) {
  return value >= range.least && value <= range.most;
}

}  // namespace

Result<Pop3Settings> pop3_settings(const DirectoryReader& reader) {
  Pop3Settings settings;
  TRY_ASSIGN(const std::string order, reader.setting(kSortOrderKey));
  settings.newest_first = order == kNewestFirst;
  for (const Number& number : kNumbers) {
    TRY_ASSIGN(const std::string text, reader.setting(number.key));
    const auto value = parse_u64(text);
    if (value && holds(number.range, *value))
      settings.*number.value = static_cast<std::uint32_t>(*value);
  }
  return settings;
}

Result<> check(const Pop3Settings& settings) {
  for (const Number& number : kNumbers) {
    const std::uint32_t value = settings.*number.value;
    if (holds(number.range, value)) continue;
    return fail(ErrorCode::kInvalid,
                fmt::format("{} {}: must be from {} to {}", value, number.words, number.range.least,
                            number.range.most));
  }
  return {};
}

Result<> set_pop3_settings(DirectoryWriter& writer, const Pop3Settings& settings) {
  TRY(check(settings));
  TRY(writer.set_setting(kSortOrderKey, settings.newest_first ? kNewestFirst : kOldestFirst));
  for (const Number& number : kNumbers)
    TRY(writer.set_setting(number.key, std::to_string(settings.*number.value)));
  return {};
}

}  // namespace hauspost::directory
