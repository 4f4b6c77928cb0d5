// The Date field (RFC 5322 section 3.3, with section 4.3's obsolete years and zones).
#include <array>
#include <charconv>
#include <chrono>

#include "base/text.h"
#include "store/mime/lexer.h"
#include "store/mime/message.h"

namespace hauspost::mime {

namespace {

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};
struct NamedZone {
  std::string_view name;
  int hours;
};
constexpr std::array<NamedZone, 8> kZones = {{{"edt", -4},
                                              {"est", -5},
                                              {"cdt", -5},
                                              {"cst", -6},
                                              {"mdt", -6},
                                              {"mst", -7},
                                              {"pdt", -7},
                                              {"pst", -8}}};

std::optional<int> number(std::string_view digits, std::size_t least, std::size_t most) {
  if (digits.size() < least || digits.size() > most) return std::nullopt;
  const auto value = parse_u64(digits);
  return value ? std::optional<int>(static_cast<int>(*value)) : std::nullopt;
}

std::optional<unsigned> month_number(std::string_view word) {
  for (unsigned i = 0; i < kMonths.size(); ++i) {
    if (word.size() >= 3 && iequals(word.substr(0, 3), kMonths[i])) return i + 1;
  }
  return std::nullopt;
}

// Two and three digits: RFC 5322 section 4.3.
std::optional<int> year_number(std::string_view word) {
  const auto value = number(word, 2, 4);
  if (!value || word.size() == 4) return value;
  return *value + (word.size() == 2 && *value < 50 ? 2000 : 1900);
}

std::optional<int> time_seconds(std::string_view word) {
  const std::vector<std::string_view> parts = split(word, ':');
  if (parts.size() < 2 || parts.size() > 3) return std::nullopt;
  const auto hour = number(parts[0], 1, 2);
  const auto minute = number(parts[1], 1, 2);
  const auto second = parts.size() == 3 ? number(parts[2], 1, 2) : std::optional<int>(0);
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  return *hour * 3600 + *minute * 60 + *second;
}

// Seconds east of UTC. Zones that RFC 5322 section 4.3 gives no meaning count as UTC.
std::optional<int> zone_seconds(std::string_view word) {
  if (word.starts_with('+') || word.starts_with('-')) {
    const auto digits = number(word.substr(1), 4, 4);
    if (!digits || *digits % 100 > 59) return std::nullopt;
    const int seconds = *digits / 100 * 3600 + *digits % 100 * 60;
    return word.starts_with('-') ? -seconds : seconds;
  }
  for (const NamedZone& zone : kZones) {
    if (iequals(word, zone.name)) return zone.hours * 3600;
  }
  for (const char c : word) {
    if (!is_alpha(c)) return std::nullopt;
  }
  return 0;
}

class Words {
 public:
  explicit Words(std::string_view raw) : lexer_(raw) {}

  // "1 Jan" and "1-Jan" alike; the sign of a zone stays with it.
  std::string_view next(std::string_view stops) {
    lexer_.skip_cfws();
    return lexer_.word(stops);
  }
  // "9 : 30 : 00": the obsolete form has white space around the colons.
  std::string time() {
    std::string text(next(":(+-"));
    lexer_.skip_cfws();
    while (lexer_.accept(':')) {
      text += ':';
      text += next(":(+-");
      lexer_.skip_cfws();
    }
    return text;
  }
  void skip_separator(char c) {
    lexer_.skip_cfws();
    lexer_.accept(c);
  }

 private:
  Lexer lexer_;
};

}  // namespace

std::optional<DateHeader> parse_date_header(std::string_view raw) {
  Words words(raw);
  std::string_view day_word = words.next(",(-");
  if (!day_word.empty() && is_alpha(day_word[0])) {
    words.skip_separator(',');
    day_word = words.next(",(-");
  }
  words.skip_separator('-');
  const auto month = month_number(words.next("(-"));
  words.skip_separator('-');
  const auto year = year_number(words.next("(,"));
  const auto day = number(day_word, 1, 2);
  if (!day || !month || !year) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year), std::chrono::month(*month),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  const auto time = time_seconds(words.time());
  const std::string_view zone_word = words.next("(");
  const auto zone = zone_word.empty() ? std::optional<int>(0) : zone_seconds(zone_word);
  if (!date.ok() || !time || !zone) return std::nullopt;
  DateHeader found;
  found.day = static_cast<std::int32_t>(std::chrono::sys_days(date).time_since_epoch().count());
  found.unix_s = std::int64_t{found.day} * 86'400 + *time - *zone;
  return found;
}

}  // namespace hauspost::mime
