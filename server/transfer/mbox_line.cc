#include "server/transfer/mbox_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "base/text.h"

namespace hauspost::transfer {

namespace {

using namespace std::string_view_literals;
constexpr std::array kDays = {"Sun"sv, "Mon"sv, "Tue"sv, "Wed"sv, "Thu"sv, "Fri"sv, "Sat"sv};
constexpr std::array kMonths = {"Jan"sv, "Feb"sv, "Mar"sv, "Apr"sv, "May"sv, "Jun"sv,
                                "Jul"sv, "Aug"sv, "Sep"sv, "Oct"sv, "Nov"sv, "Dec"sv};
constexpr std::size_t kFromLineMax = 1000;
constexpr std::size_t kWordsMax = 64;

template <class Names>
int index_of(const Names& names, std::string_view word) {
  const auto at = std::ranges::find_if(names, [&](auto name) { return iequals(name, word); });
  return at == names.end() ? -1 : static_cast<int>(at - names.begin());
}

std::optional<int> number(std::string_view digits, int low, int high) {
  const auto value = parse_u64(digits);
  if (!value || *value < static_cast<std::uint64_t>(low) ||
      *value > static_cast<std::uint64_t>(high))
    return std::nullopt;
  return static_cast<int>(*value);
}

// "19:14" or "19:14:00".
bool read_clock(std::string_view word, std::tm& tm) {
  const auto parts = split(word, ':');
  if (parts.size() != 2 && parts.size() != 3) return false;
  const auto hour = number(parts[0], 0, 23);
  const auto minute = number(parts[1], 0, 59);
  const auto second = parts.size() == 3 ? number(parts[2], 0, 60) : std::optional(0);
  if (!hour || !minute || !second) return false;
  tm.tm_hour = *hour;
  tm.tm_min = *minute;
  tm.tm_sec = *second;
  return true;
}

// "+0100": seconds east; nullopt: no such zone. Names of zones count as UTC.
std::optional<int> zone_of(std::string_view word) {
  if (word.size() == 5 && (word[0] == '+' || word[0] == '-')) {
    const auto hours = number(word.substr(1, 2), 0, 23);
    const auto minutes = number(word.substr(3, 2), 0, 59);
    if (!hours || !minutes) return std::nullopt;
    const int seconds = *hours * 3600 + *minutes * 60;
    return word[0] == '-' ? -seconds : seconds;
  }
  if (word.size() > 5 || word.empty() || !std::ranges::all_of(word, is_alpha)) return std::nullopt;
  return 0;
}

std::optional<int> year_of(std::string_view word) {
  return word.size() == 4 ? number(word, 1970, 9999) : std::nullopt;
}

// The words behind the day of the week.
std::optional<std::int64_t> read_date(const std::vector<std::string_view>& words, std::size_t at) {
  const std::size_t left = words.size() - at;
  if (left < 4 || left > 6) return std::nullopt;
  std::tm tm{};
  tm.tm_mon = index_of(kMonths, words[at]);
  const auto day = number(words[at + 1], 1, 31);
  if (tm.tm_mon < 0 || !day || !read_clock(words[at + 2], tm)) return std::nullopt;
  tm.tm_mday = *day;
  int zone = 0;
  std::size_t next = at + 3;
  if (!year_of(words[next])) {
    const auto found = zone_of(words[next]);
    if (!found || ++next == words.size()) return std::nullopt;
    zone = *found;
  }
  const auto year = year_of(words[next++]);
  if (!year) return std::nullopt;
  if (next < words.size()) {
    const auto found = zone_of(words[next++]);
    if (!found) return std::nullopt;
    zone = *found;
  }
  if (next != words.size()) return std::nullopt;
  tm.tm_year = *year - 1900;
  return ::timegm(&tm) - zone;
}

bool flag_letters(std::string_view value, std::string_view letters,
                  const std::array<store::FlagBits, 4>& bits, store::FlagBits& flags) {
  for (std::size_t i = 0; i < letters.size(); ++i) {
    if (value.find(letters[i]) != std::string_view::npos) flags |= bits[i];
  }
  return true;
}

bool add_words(std::string_view value, std::vector<std::string>& out) {
  for (const std::string_view word : split(value, ' ')) {
    const std::string_view one = trim(word);
    if (!one.empty()) out.emplace_back(one);
  }
  return true;
}

bool read_mozilla_status(std::string_view value, MboxState& state) {
  unsigned bits = 0;
  for (const char c : value.substr(0, 4)) {
    const auto digit = "0123456789abcdef"sv.find(ascii_lower(c));
    if (digit == std::string_view::npos) return true;
    bits = bits * 16 + static_cast<unsigned>(digit);
  }
  if ((bits & 1) != 0) state.flags |= store::kSeen;
  if ((bits & 2) != 0) state.flags |= store::kAnswered;
  if ((bits & 4) != 0) state.flags |= store::kFlagged;
  if ((bits & 8) != 0) state.dropped = true;
  if ((bits & 0x1000) != 0) state.keywords.emplace_back("$Forwarded");
  return true;
}

}  // namespace

std::optional<FromLine> parse_from_line(std::string_view line) {
  if (!line.starts_with("From ") || line.size() > kFromLineMax) return std::nullopt;
  if (line.ends_with('\r')) line.remove_suffix(1);
  std::vector<std::string_view> words;
  for (const std::string_view word : split(line.substr(5), ' ')) {
    if (!word.empty()) words.push_back(word);
    if (words.size() > kWordsMax) return std::nullopt;
  }
  for (std::size_t i = words.size() < 8 ? 0 : words.size() - 8; i + 5 <= words.size(); ++i) {
    if (index_of(kDays, words[i]) < 0) continue;
    if (const auto date = read_date(words, i + 1)) return FromLine{*date};
  }
  return std::nullopt;
}

std::string from_line(std::string_view sender, std::int64_t date_s) {
  const std::time_t time = std::clamp<std::int64_t>(date_s, 0, 253402300799);
  std::tm tm{};
  ::gmtime_r(&time, &tm);
  return fmt::format("From {} {} {} {:2} {:02}:{:02}:{:02} {:04}", sender,
                     kDays[static_cast<std::size_t>(tm.tm_wday)],
                     kMonths[static_cast<std::size_t>(tm.tm_mon)], tm.tm_mday, tm.tm_hour,
                     tm.tm_min, tm.tm_sec, tm.tm_year + 1900);
}

bool needs_quoting(std::string_view line) {
  const std::size_t at = line.find_first_not_of('>');
  return at != std::string_view::npos && line.substr(at).starts_with("From ");
}

bool is_quoted_from(std::string_view line) { return line.starts_with('>') && needs_quoting(line); }

std::string percent_encode(std::string_view text, std::string_view also) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '%' || also.find(c) != std::string_view::npos)
      out += fmt::format("%{:02X}", byte);
    else
      out += c;
  }
  return out;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto byte = from_hex(text.substr(i + 1, 2));
    if (!byte || byte->size() != 1) return std::nullopt;
    out += *byte;
    i += 2;
  }
  return out;
}

std::string state_line(const StateLine& state) {
  return fmt::format("{}: v=1; size={}; eol={}; folder={}", kStateField, state.size,
                     state.raw ? "raw" : "crlf", percent_encode(state.folder, "; "));
}

std::optional<StateLine> parse_state_line(std::string_view value) {
  StateLine state;
  bool first = true;
  bool sized = false;
  for (const std::string_view part : split(value, ';')) {
    const std::string_view one = trim(part);
    const std::size_t equals = one.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view name = one.substr(0, equals);
    const std::string_view text = one.substr(equals + 1);
    if (first && (name != "v" || text != "1")) return std::nullopt;
    first = false;
    if (name == "size") {
      const auto size = parse_u64(text);
      if (!size) return std::nullopt;
      state.size = *size;
      sized = true;
    } else if (name == "eol") {
      state.raw = text == "raw";
    } else if (name == "folder") {
      const auto folder = percent_decode(text);
      if (!folder || !is_valid_utf8(*folder)) return std::nullopt;
      state.folder = *folder;
    }
  }
  if (!sized) return std::nullopt;
  return state;
}

bool read_state_field(std::string_view name, std::string_view value, MboxState& state) {
  using store::kAnswered, store::kDeleted, store::kDraft, store::kFlagged, store::kSeen;
  value = trim(value);
  if (iequals(name, "Status")) return flag_letters(value, "R", {kSeen}, state.flags);
  if (iequals(name, "X-Status"))
    return flag_letters(value, "AFDT", {kAnswered, kFlagged, kDeleted, kDraft}, state.flags);
  if (iequals(name, "X-Keywords") || iequals(name, "X-Mozilla-Keys"))
    return add_words(value, state.keywords);
  if (iequals(name, "X-Mozilla-Status")) return read_mozilla_status(value, state);
  return iequals(name, "X-UID") || iequals(name, "X-IMAP") || iequals(name, "X-IMAPbase") ||
         iequals(name, "X-Mozilla-Status2");
}

std::string state_fields(store::FlagBits flags, const std::vector<std::string>& keywords) {
  const auto on = [flags](store::FlagBits bit) { return (flags & bit) != 0; };
  std::string out = on(store::kSeen) ? "Status: RO\n" : "Status: O\n";
  std::string letters;
  if (on(store::kAnswered)) letters += 'A';
  if (on(store::kFlagged)) letters += 'F';
  if (on(store::kDeleted)) letters += 'D';
  if (on(store::kDraft)) letters += 'T';
  if (!letters.empty()) out += "X-Status: " + letters + "\n";
  if (keywords.empty()) return out;
  out += "X-Keywords:";
  for (const std::string& keyword : keywords) out += " " + keyword;
  return out + "\n";
}

}  // namespace hauspost::transfer
