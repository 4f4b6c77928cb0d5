#include "transport/day_files.h"


#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "base/durable_file.h"
#include "base/text.h"

namespace hauspost::transport {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".json";
constexpr std::uintmax_t kFileBytesMax = 256ULL << 20;

std::string path_of(const std::string& folder, const std::string& date) {
  return folder + "/" + date + std::string(kSuffix);
}

std::optional<std::chrono::sys_days> parse_date(const std::string& date) {
  if (date.size() != 10 || date[4] != '-' || date[7] != '-') return std::nullopt;
  const auto year = parse_u64(date.substr(0, 4));
  const auto month = parse_u64(date.substr(5, 2));
  const auto day = parse_u64(date.substr(8, 2));
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day parsed{std::chrono::year(static_cast<int>(*year)),
                                           std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
  if (!parsed.ok()) return std::nullopt;
  return std::chrono::sys_days(parsed);
}

}  // namespace

DayRange day_range(const std::string& date) {
  const auto day = parse_date(date);
  if (!day) return {};
  const auto begin = std::chrono::duration_cast<Seconds>(day->time_since_epoch()).count();
  return {begin, begin + 86'399};
}

std::string date_of(WallTime time) {
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::vector<std::string> day_file_dates(const std::string& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  std::vector<std::string> dates;
  for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
    const std::string name = it->path().filename().string();
    if (!name.ends_with(kSuffix)) continue;
    std::string date = name.substr(0, name.size() - kSuffix.size());
    if (parse_date(date)) dates.push_back(std::move(date));
  }
  return dates;
}

Result<std::string> read_day_file(const std::string& folder, const std::string& date) {
  const std::string path = path_of(folder, date);
  std::error_code failed;
  const auto size = fs::file_size(path, failed);
  if (failed) return fail(errno_error(path, failed.value()));
  if (size > kFileBytesMax) return fail(ErrorCode::kExhausted, path + ": larger than it can be");
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(errno_error(path));
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (in.bad()) return fail(ErrorCode::kInternal, path + ": cannot be read");
  return text;
}

Result<> write_day_file(const std::string& folder, const std::string& date, std::string_view text) {
  return replace_file(path_of(folder, date), text);
}

void remove_day_file(const std::string& folder, const std::string& date) {
  std::error_code ignored;
  fs::remove(path_of(folder, date), ignored);
}

}  // namespace hauspost::transport
