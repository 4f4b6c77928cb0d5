#include "protocols/imap/cursor.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "protocols/imap/mailbox_name.h"

namespace hauspost::imap {
namespace {

constexpr std::size_t kKeywordBytesMax = 128;

int month_of(std::string_view name) {
  constexpr std::string_view kMonths = "janfebmaraprmayjunjulaugsepoctnovdec";
  const std::size_t at = kMonths.find(ascii_lower(name));
  return at == std::string_view::npos || at % 3 != 0 ? 0 : static_cast<int>(at / 3) + 1;
}

std::optional<int> digits(std::string_view text) {
  const auto value = parse_u64(text);
  if (!value) return std::nullopt;
  return static_cast<int>(*value);
}

// Days since the epoch, or nullopt when the calendar has no such day.
std::optional<std::int32_t> day_number(std::string_view day, std::string_view month,
                                       std::string_view year) {
  const auto d = digits(day);
  const int m = month.size() == 3 ? month_of(month) : 0;
  const auto y = digits(year);
  if (!d || m == 0 || !y || year.size() != 4) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*y),
                                         std::chrono::month(static_cast<unsigned>(m)),
                                         std::chrono::day(static_cast<unsigned>(*d))};
  if (!date.ok()) return std::nullopt;
  return static_cast<std::int32_t>(std::chrono::sys_days(date).time_since_epoch().count());
}

bool is_date_char(char c) { return is_alpha(c) || is_digit(c) || c == '-'; }

std::optional<store::FlagBits> system_flag(std::string_view name) {
  if (iequals(name, "Seen")) return store::kSeen;
  if (iequals(name, "Answered")) return store::kAnswered;
  if (iequals(name, "Flagged")) return store::kFlagged;
  if (iequals(name, "Deleted")) return store::kDeleted;
  if (iequals(name, "Draft")) return store::kDraft;
  if (iequals(name, "Recent")) return store::FlagBits{0};
  return std::nullopt;
}

}  // namespace

bool is_astring_char(char c) {
  return c > ' ' && c < 0x7f && std::string_view("(){%*\"\\").find(c) == std::string_view::npos;
}
bool is_atom_char(char c) { return c != ']' && is_astring_char(c); }

std::unexpected<ParseError> Cursor::bad(std::string text) const {
  return std::unexpected(ParseError{.text = std::move(text), .offset = offset_});
}
std::unexpected<ParseError> Cursor::no(std::string code, std::string text) const {
  return std::unexpected(
      ParseError{.no = true, .code = std::move(code), .text = std::move(text), .offset = offset_});
}

bool Cursor::accept(char c) {
  if (at_end() || raw_.text[offset_] != c) return false;
  ++offset_;
  return true;
}

bool Cursor::accept_text(std::string_view text) {
  if (!istarts_with(std::string_view(raw_.text).substr(offset_), text)) return false;
  offset_ += text.size();
  return true;
}

bool Cursor::next_is_word(std::string_view word) const {
  const std::string_view rest = std::string_view(raw_.text).substr(offset_);
  return istarts_with(rest, word) &&
         (rest.size() == word.size() || !is_atom_char(rest[word.size()]));
}

Parsed<> Cursor::expect(char c) {
  if (!accept(c))
    return bad(c == ' ' ? std::string("space expected") : fmt::format("{} expected", c));
  return {};
}
Parsed<> Cursor::space() { return expect(' '); }
Parsed<> Cursor::end() const {
  if (!at_end()) return bad("end of command expected");
  return {};
}

std::string_view Cursor::take_while(bool (*wanted)(char)) {
  const std::size_t begin = offset_;
  while (!at_end() && wanted(raw_.text[offset_])) ++offset_;
  return std::string_view(raw_.text).substr(begin, offset_ - begin);
}

Parsed<std::string_view> Cursor::atom() {
  const std::string_view word = take_while(is_atom_char);
  if (word.empty()) return bad("atom expected");
  return word;
}
Parsed<std::string> Cursor::keyword() {
  TRY_ASSIGN(const std::string_view word, atom());
  return ascii_upper(word);
}

Parsed<std::string> Cursor::quoted() {
  TRY(expect('"'));
  std::string out;
  for (;;) {
    const char c = peek();
    // QUOTED-CHAR; bytes above 0x7f are UTF-8 that some clients send unasked.
    if (c == '\0' || c == '\r' || c == '\n') return bad("quoted string is not closed");
    ++offset_;
    if (c == '"') {
      // RFC 6855 section 3: what is no UTF-8 is refused.
      if (utf8_ && !is_valid_utf8(out)) return bad("quoted string is not UTF-8");
      return out;
    }
    if (c == '\\') {
      const char escaped = peek();
      if (escaped != '"' && escaped != '\\') return bad("bad escape in quoted string");
      out += escaped;
      ++offset_;
    } else {
      out += c;
    }
  }
}

Parsed<Cursor::Literal> Cursor::literal() {
  Literal literal;
  literal.binary = accept('~');
  TRY(expect('{'));
  const auto size = parse_u64(take_while(is_digit));
  accept('+');
  if (!size || !accept('}') || !accept('\r') || !accept('\n') ||
      next_literal_ == raw_.literals.size() || raw_.literals[next_literal_]->size() != *size) {
    return bad("bad literal");
  }
  literal.bytes = raw_.literals[next_literal_++];
  return literal;
}

Parsed<std::string> Cursor::string() {
  if (peek() == '"') return quoted();
  if (peek() != '{') return bad("string expected");
  TRY_ASSIGN(const Literal bytes, literal());
  if (bytes.bytes->contains('\0')) return bad("NUL in literal");
  return *bytes.bytes;
}

Parsed<std::string> Cursor::astring() {
  if (peek() == '"' || peek() == '{') return string();
  const std::string_view word = take_while(is_astring_char);
  if (word.empty()) return bad("string expected");
  return std::string(word);
}

Parsed<std::optional<std::string>> Cursor::nstring() {
  if (peek() != '"' && peek() != '{') {
    if (!next_is_word("NIL")) return bad("string or NIL expected");
    accept_text("NIL");
    return std::nullopt;
  }
  TRY_ASSIGN(std::string value, string());
  return value;
}

Parsed<std::uint64_t> Cursor::number64() {
  const auto value = parse_u64(take_while(is_digit));
  if (!value || *value > INT64_MAX) return bad("number expected");
  return *value;
}
Parsed<std::uint32_t> Cursor::number() {
  const auto value = parse_u64(take_while(is_digit));
  if (!value || *value > UINT32_MAX) return bad("number expected");
  return static_cast<std::uint32_t>(*value);
}
Parsed<std::uint32_t> Cursor::nz_number() {
  TRY_ASSIGN(const std::uint32_t value, number());
  if (value == 0) return bad("number above zero expected");
  return value;
}

Parsed<std::uint32_t> Cursor::sequence_number() {
  if (accept('*')) return SequenceSet::kStar;
  return nz_number();
}

Parsed<SequenceSet> Cursor::sequence_set() {
  SequenceSet set;
  set.saved = accept('$');
  if (set.saved) return set;
  do {
    if (set.ranges.size() == limits_.set_ranges_max) return bad("sequence set is too long");
    TRY_ASSIGN(const std::uint32_t first, sequence_number());
    std::uint32_t last = first;
    if (accept(':')) {
      TRY_ASSIGN(last, sequence_number());
    }
    set.ranges.push_back({first, last});
  } while (accept(','));
  return set;
}

Parsed<SequenceSet> Cursor::known_set() {
  TRY_ASSIGN(SequenceSet set, sequence_set());
  const bool star = std::ranges::any_of(set.ranges, [](const SequenceSet::Range& range) {
    return range.first == SequenceSet::kStar || range.last == SequenceSet::kStar;
  });
  if (star || set.saved) return bad("numbers expected");
  return set;
}

Parsed<PartialRange> Cursor::partial_range() {
  PartialRange range;
  range.from_end = accept('-');
  TRY_ASSIGN(range.first, nz_number());
  TRY(expect(':'));
  if (range.from_end) TRY(expect('-'));
  TRY_ASSIGN(range.last, nz_number());
  return range;
}

Parsed<std::string> Cursor::mailbox(std::string* spelled) {
  TRY_ASSIGN(const std::string name, astring());
  auto path = utf8_ ? utf8_mailbox_path(name) : mailbox_path(name);
  if (!path) return no("CANNOT", "this is not a mailbox name");
  if (spelled != nullptr) *spelled = utf8_ ? name : decode_utf7(name).value_or(*path);
  return *std::move(path);
}

Parsed<std::int32_t> Cursor::date() {
  const bool in_quotes = accept('"');
  const auto fields = split(take_while(is_date_char), '-');
  if (fields.size() != 3 || fields[0].empty() || fields[0].size() > 2) return bad("date expected");
  const auto day = day_number(fields[0], fields[1], fields[2]);
  if (!day) return bad("no such date");
  if (in_quotes) TRY(expect('"'));
  return *day;
}

// DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE: fixed columns.
Parsed<std::int64_t> Cursor::date_time() {
  TRY_ASSIGN(const std::string text, quoted());
  constexpr std::string_view kShape = "dd-mmm-yyyy hh:mm:ss +zzzz";
  if (text.size() != kShape.size() || text[2] != '-' || text[6] != '-' || text[11] != ' ' ||
      text[14] != ':' || text[17] != ':' || text[20] != ' ' || (text[21] != '+' && text[21] != '-'))
    return bad("date and time expected");
  const std::string_view view = text;
  const auto day = day_number(view.substr(text[0] == ' ' ? 1 : 0, text[0] == ' ' ? 1 : 2),
                              view.substr(3, 3), view.substr(7, 4));
  const auto hour = digits(view.substr(12, 2));
  const auto minute = digits(view.substr(15, 2));
  const auto second = digits(view.substr(18, 2));
  const auto zone = digits(view.substr(22, 4));
  if (!day || !hour || !minute || !second || !zone || *hour > 23 || *minute > 59 || *second > 60 ||
      *zone % 100 > 59)
    return bad("no such date and time");
  const int east_s = (*zone / 100 * 60 + *zone % 100) * 60 * (text[21] == '-' ? -1 : 1);
  return std::int64_t{*day} * 86400 + *hour * 3600 + *minute * 60 + *second - east_s;
}

Parsed<> Cursor::flag(FlagList& into) {
  if (accept('\\')) {
    TRY_ASSIGN(const std::string_view name, atom());
    const auto bit = system_flag(name);
    if (!bit) return bad("no such system flag");
    into.system |= *bit;
    return {};
  }
  TRY_ASSIGN(const std::string_view name, atom());
  if (name.size() > kKeywordBytesMax) return no("LIMIT", "keyword is too long");
  const bool known =
      std::ranges::any_of(into.keywords, [&](const auto& k) { return iequals(k, name); });
  if (!known) into.keywords.emplace_back(name);
  return {};
}

Parsed<FlagList> Cursor::flag_list(bool bare) {
  FlagList flags;
  if (!bare || peek() == '(') {
    TRY(list(0, [&] { return flag(flags); }));
    return flags;
  }
  std::size_t count = 0;
  do {
    if (++count > limits_.list_elements_max) return bad("list is too long");
    TRY(flag(flags));
  } while (peek_second() != '(' && accept(' '));
  return flags;
}

}  // namespace hauspost::imap
