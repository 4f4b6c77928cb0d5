// DayFiles: what is counted by UTC day and domain, for reports of each day; kept over restarts in
// one file a day.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"

namespace hauspost::transport {

// The first and the last second of "2026-11-22", in Unix seconds. 0 and 0: not a date.
struct DayRange {
  std::int64_t begin_s = 0;
  std::int64_t end_s = 0;
};
DayRange day_range(const std::string& date);
std::string date_of(WallTime time);  // UTC

// Files FOLDER/2026-11-22.json. All block.
// Those that there are; the folder is made.
std::vector<std::string> day_file_dates(const std::string& folder);
// kNotFound, kExhausted (larger than any that we write), kInternal.
Result<std::string> read_day_file(const std::string& folder, const std::string& date);
Result<> write_day_file(const std::string& folder, const std::string& date, std::string_view text);
void remove_day_file(const std::string& folder, const std::string& date);

// `Domain` is what is counted of one domain on one day, with a `bool done`: reported, or nobody
// wants it. REQUIRES: one thread.
template <class Domain>
class DayFiles {
 public:
  using Day = std::map<std::string, Domain, std::less<>>;
  using Days = std::map<std::string, Day>;  // by date

  // `folder` empty: in memory alone.
  explicit DayFiles(std::string folder) : folder_(std::move(folder)) {}

  // Reads the folder: blocks. `parse` makes a day of a file's text or throws; what cannot be read
  // is logged as `event` and left alone.
  void read(std::string_view event, const std::function<Day(const std::string&)>& parse) {
    if (folder_.empty()) return;
    for (const std::string& date : day_file_dates(folder_)) {
      const auto text = read_day_file(folder_, date);
      if (!text) {
        log::warning(event, {{"date", date}, {"cause", text.error()}});
        continue;
      }
      try {
        days_.insert_or_assign(date, parse(*text));
      } catch (const std::exception& failed) {
        log::warning(event, {{"date", date}, {"cause", failed.what()}});
      }
    }
  }

  const Days& days() const { return days_; }
  std::vector<std::string> dates() const {
    std::vector<std::string> all;
    for (const auto& [date, day] : days_) all.push_back(date);
    return all;
  }
  const Domain* find(const std::string& date, const std::string& domain) const {
    const auto day = days_.find(date);
    if (day == days_.end()) return nullptr;
    const auto found = day->second.find(domain);
    return found == day->second.end() ? nullptr : &found->second;
  }
  // A new one where there is none; null: the day has `domains_max` already. Who counts says
  // changed().
  Domain* find_or_add(const std::string& date, std::string_view domain, std::size_t domains_max) {
    Day& day = days_[date];
    auto found = day.find(domain);
    if (found == day.end()) {
      if (day.size() >= domains_max) return nullptr;
      found = day.emplace(std::string(domain), Domain()).first;
    }
    return &found->second;
  }
  void changed(const std::string& date) { changed_.insert(date); }

  // Those of a day that were not marked.
  std::vector<std::string> open_domains(const std::string& date) const {
    std::vector<std::string> all;
    const auto day = days_.find(date);
    if (day == days_.end()) return all;
    for (const auto& [name, domain] : day->second)
      if (!domain.done) all.push_back(name);
    return all;
  }
  void mark(const std::string& date, const std::string& domain) {
    const auto day = days_.find(date);
    if (day == days_.end()) return;
    const auto found = day->second.find(domain);
    if (found == day->second.end() || found->second.done) return;
    found->second.done = true;
    changed(date);
  }
  // Days before `date`, with their files.
  void forget_before(const std::string& date) {
    for (auto it = days_.begin(); it != days_.end() && it->first < date; it = days_.erase(it)) {
      changed_.erase(it->first);
      if (!folder_.empty()) remove_day_file(folder_, it->first);
    }
  }
  // Writes the days that changed since: blocks.
  Result<> save(const std::function<std::string(const Day&)>& text) {
    if (folder_.empty()) return {};
    while (!changed_.empty()) {
      const std::string date = *changed_.begin();
      TRY(write_day_file(folder_, date, text(days_[date])));
      changed_.erase(date);
    }
    return {};
  }

 private:
  std::string folder_;
  Days days_;
  std::set<std::string> changed_;
};

}  // namespace hauspost::transport
