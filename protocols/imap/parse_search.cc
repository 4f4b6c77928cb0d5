// Arguments of SEARCH (RFC 3501 section 6.4.4, ESEARCH: RFC 4731, WITHIN: RFC 5032, SEARCHRES: RFC
// 5182, MODSEQ: RFC 7162, OBJECTID: RFC 8474, SAVEDATE: RFC 8514, PARTIAL: RFC 9394, UIDAFTER: RFC
// 9738).
#include <algorithm>

#include "base/text.h"
#include "protocols/imap/parse_rules.h"
#include "store/mime/charset.h"

namespace hauspost::imap {
namespace {

using enum SearchOp;

// What follows the word of a key.
enum class Operand : std::uint8_t { kNothing, kText, kDate, kNumber, kInterval, kKeyword };

struct KeyWord {
  std::string_view word;
  SearchOp op;
  Operand operand;
  store::FlagBits flags;
};
constexpr KeyWord kKeyWords[] = {
    {"ALL", kAll, Operand::kNothing, 0},
    {"ANSWERED", kHasFlags, Operand::kNothing, store::kAnswered},
    {"BCC", kBcc, Operand::kText, 0},
    {"BEFORE", kBefore, Operand::kDate, 0},
    {"BODY", kBody, Operand::kText, 0},
    {"CC", kCc, Operand::kText, 0},
    {"DELETED", kHasFlags, Operand::kNothing, store::kDeleted},
    {"DRAFT", kHasFlags, Operand::kNothing, store::kDraft},
    {"FLAGGED", kHasFlags, Operand::kNothing, store::kFlagged},
    {"FROM", kFrom, Operand::kText, 0},
    {"KEYWORD", kHasKeyword, Operand::kKeyword, 0},
    {"LARGER", kLarger, Operand::kNumber, 0},
    {"OLDER", kOlder, Operand::kInterval, 0},
    {"ON", kOn, Operand::kDate, 0},
    {"RECENT", kRecent, Operand::kNothing, 0},
    {"SAVEDATESUPPORTED", kAll, Operand::kNothing, 0},
    {"SAVEDBEFORE", kSavedBefore, Operand::kDate, 0},
    {"SAVEDON", kSavedOn, Operand::kDate, 0},
    {"SAVEDSINCE", kSavedSince, Operand::kDate, 0},
    {"SEEN", kHasFlags, Operand::kNothing, store::kSeen},
    {"SENTBEFORE", kSentBefore, Operand::kDate, 0},
    {"SENTON", kSentOn, Operand::kDate, 0},
    {"SENTSINCE", kSentSince, Operand::kDate, 0},
    {"SINCE", kSince, Operand::kDate, 0},
    {"SMALLER", kSmaller, Operand::kNumber, 0},
    {"SUBJECT", kSubject, Operand::kText, 0},
    {"TEXT", kText, Operand::kText, 0},
    {"TO", kTo, Operand::kText, 0},
    {"UIDAFTER", kUidAfter, Operand::kInterval, 0},
    {"UIDBEFORE", kUidBefore, Operand::kInterval, 0},
    {"UNANSWERED", kLacksFlags, Operand::kNothing, store::kAnswered},
    {"UNDELETED", kLacksFlags, Operand::kNothing, store::kDeleted},
    {"UNDRAFT", kLacksFlags, Operand::kNothing, store::kDraft},
    {"UNFLAGGED", kLacksFlags, Operand::kNothing, store::kFlagged},
    {"UNKEYWORD", kLacksKeyword, Operand::kKeyword, 0},
    {"UNSEEN", kLacksFlags, Operand::kNothing, store::kSeen},
    {"YOUNGER", kYounger, Operand::kInterval, 0},
};
static_assert(std::ranges::is_sorted(kKeyWords, {}, &KeyWord::word));

// What clients have been seen to search in; their own of the user's locale. UTF-8 and US-ASCII are
// all that IMAP asks for.
constexpr std::string_view kCharsets[] = {
    "UTF-8",        "US-ASCII",     "ISO-8859-1",   "ISO-8859-2",   "ISO-8859-3",   "ISO-8859-4",
    "ISO-8859-5",   "ISO-8859-6",   "ISO-8859-7",   "ISO-8859-8",   "ISO-8859-9",   "ISO-8859-13",
    "ISO-8859-15",  "windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254",
    "windows-1255", "windows-1256", "windows-1257", "windows-1258", "KOI8-R",       "KOI8-U",
    "GB18030",      "GBK",          "GB2312",       "Big5",         "ISO-2022-JP",  "Shift_JIS",
    "EUC-JP",       "EUC-KR"};

std::string bad_charset() {
  std::string code = "BADCHARSET (";
  for (const std::string_view charset : kCharsets) {
    if (code.back() != '(') code += ' ';
    code += charset;
  }
  return code + ')';
}

bool is_object_id_char(char c) { return is_alpha(c) || is_digit(c) || c == '_' || c == '-'; }

// Either stands for malformed input.
constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD
constexpr char kSubstitute = '\x1a';

class SearchParser {
 public:
  SearchParser(Cursor& in, SearchRequest& request) : in_(in), request_(request) {}

  // search-program: [CHARSET SP] search-key *(SP search-key).
  Parsed<> program() {
    if (!in_.accept_text("CHARSET ")) return keys();
    request_.names_charset = true;
    return charset_and_keys();
  }

  // search-criteria (RFC 5256 section 5): charset 1*(SP search-key).
  Parsed<> charset_and_keys() {
    TRY_ASSIGN(const std::string charset, in_.astring());
    const auto* const known = std::ranges::find_if(
        kCharsets, [&](std::string_view name) { return iequals(name, charset); });
    if (known == std::ranges::end(kCharsets)) return in_.no(bad_charset(), "unknown charset");
    if (*known != "UTF-8" && *known != "US-ASCII") charset_ = *known;
    TRY(in_.space());
    return keys();
  }

 private:
  Parsed<> keys() {
    request_.key.op = kAnd;
    return keys(request_.key.keys, 0);
  }

  Parsed<> keys(std::vector<SearchKey>& into, std::size_t depth) {
    do {
      TRY_ASSIGN(SearchKey next, key(depth));
      into.push_back(std::move(next));
    } while (in_.accept(' '));
    return {};
  }

  // search-key. Depth is bounded by nesting_max.
  Parsed<SearchKey> key(std::size_t depth) {
    if (depth > in_.limits().nesting_max) return in_.bad("search is nested too deeply");
    if (++count_ > in_.limits().search_keys_max) return in_.bad("too many search keys");
    SearchKey key;
    if (in_.accept('(')) {
      key.op = kAnd;
      TRY(keys(key.keys, depth + 1));
      TRY(in_.expect(')'));
      return key;
    }
    if (is_digit(in_.peek()) || in_.peek() == '*' || in_.peek() == '$') {
      key.op = kSequence;
      TRY_ASSIGN(key.set, in_.sequence_set());
      request_.names_sequence |= !key.set.saved;
      return key;
    }
    TRY_ASSIGN(const std::string word, in_.keyword());
    const auto* const found = std::ranges::lower_bound(kKeyWords, word, {}, &KeyWord::word);
    if (found == std::ranges::end(kKeyWords) || found->word != word) return compound(word, depth);
    key.op = found->op;
    key.flags = found->flags;
    TRY(operand(found->operand, key));
    return key;
  }

  Parsed<> operand(Operand operand, SearchKey& key) {
    if (operand == Operand::kNothing) return {};
    TRY(in_.space());
    switch (operand) {
      case Operand::kText: return text(key.text);
      case Operand::kDate: {
        TRY_ASSIGN(key.day, in_.date());
        return {};
      }
      case Operand::kNumber: {
        TRY_ASSIGN(key.number, in_.number64());
        return {};
      }
      case Operand::kInterval: {
        TRY_ASSIGN(key.number, in_.nz_number());
        return {};
      }
      default: {
        TRY_ASSIGN(const std::string_view name, in_.atom());
        key.text = name;
        return {};
      }
    }
  }

  Parsed<> text(std::string& into) {
    TRY_ASSIGN(into, in_.astring());
    if (!charset_.empty()) {
      auto converted = mime::charset_to_utf8(charset_, into);
      if (!converted || converted->contains(kReplacement) || converted->contains(kSubstitute))
        return in_.bad("search text is not what its charset says");
      into = *std::move(converted);
    } else if (!is_valid_utf8(into)) {
      return in_.bad("search text is not UTF-8");
    }
    return {};
  }

  // Keys that are made of others or have a shape of their own.
  Parsed<SearchKey> compound(std::string_view word, std::size_t depth) {
    SearchKey key;
    if (word == "NEW") {  // RFC 3501: (RECENT UNSEEN)
      key.op = kAnd;
      key.keys.push_back({.op = kRecent});
      key.keys.push_back({.op = kLacksFlags, .flags = store::kSeen});
    } else if (word == "OLD") {  // RFC 3501: NOT RECENT
      key.op = kNot;
      key.keys.push_back({.op = kRecent});
    } else if (word == "NOT" || word == "OR") {
      key.op = word == "NOT" ? kNot : kOr;
      for (std::size_t i = 0; i < (key.op == kNot ? 1U : 2U); ++i) {
        TRY(in_.space());
        TRY_ASSIGN(SearchKey inner, this->key(depth + 1));
        key.keys.push_back(std::move(inner));
      }
    } else if (word == "UID") {
      key.op = kUid;
      TRY(in_.space());
      TRY_ASSIGN(key.set, in_.sequence_set());
    } else if (word == "HEADER") {
      key.op = kHeader;
      TRY(in_.space());
      TRY_ASSIGN(key.field, in_.astring());
      TRY(in_.space());
      TRY(text(key.text));
    } else if (word == "EMAILID") {
      key.op = kEmailId;
      TRY(in_.space());
      TRY_ASSIGN(key.text, object_id());
    } else if (word == "THREADID") {  // RFC 8474 section 5.2: no message has one
      key.op = kNot;
      key.keys.push_back({.op = kAll});
      TRY(in_.space());
      TRY(object_id());
    } else if (word == "MODSEQ") {
      key.op = kModSeq;
      TRY(modseq(key));
    } else {
      return in_.bad("unknown search key");
    }
    return key;
  }

  // objectid (RFC 8474 section 7).
  Parsed<std::string> object_id() {
    constexpr std::size_t kBytesMax = 255;
    const std::string_view id = in_.take_while(is_object_id_char);
    if (id.empty() || id.size() > kBytesMax) return in_.bad("object id expected");
    return std::string(id);
  }

  // "MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer (RFC 7162 section 3.1.5).
  // Mod-sequences are kept a message, not an entry, so the entry changes nothing.
  Parsed<> modseq(SearchKey& key) {
    request_.names_modseq = true;
    TRY(in_.space());
    if (in_.peek() == '"') {
      TRY(in_.quoted());
      TRY(in_.space());
      TRY_ASSIGN(const std::string type, in_.keyword());
      if (type != "ALL" && type != "PRIV" && type != "SHARED") return in_.bad("unknown entry type");
      TRY(in_.space());
    }
    TRY_ASSIGN(key.number, in_.number64());
    return {};
  }

  Cursor& in_;
  SearchRequest& request_;
  std::string_view charset_;  // of texts; empty: UTF-8
  std::size_t count_ = 0;
};

}  // namespace

// No option means ALL (RFC 4731 section 3.1), SAVE alone nothing (RFC 5182 section 2.1).
Parsed<SearchReturn> parse_search_return(Cursor& in) {
  SearchReturn wanted;
  TRY(in.list(0, [&]() -> Parsed<> {
    TRY_ASSIGN(const std::string word, in.keyword());
    if (word == "MIN") {
      wanted.min = true;
    } else if (word == "MAX") {
      wanted.max = true;
    } else if (word == "ALL") {
      wanted.all = true;
    } else if (word == "COUNT") {
      wanted.count = true;
    } else if (word == "SAVE") {
      wanted.save = true;
    } else if (word == "PARTIAL") {
      if (wanted.partial) return in.bad("PARTIAL twice");
      TRY(in.space());
      TRY_ASSIGN(wanted.partial, in.partial_range());
    } else {
      return in.bad("unknown search result option");
    }
    return {};
  }));
  if (wanted.all && wanted.partial) return in.bad("ALL and PARTIAL exclude each other");
  if (!wanted.min && !wanted.max && !wanted.count && !wanted.save && !wanted.partial)
    wanted.all = true;
  return wanted;
}

Parsed<> parse_search_criteria(Cursor& in, SearchRequest& request) {
  return SearchParser(in, request).charset_and_keys();
}

Parsed<Arguments> parse_search(Cursor& in, bool uid) {
  SearchRequest request;
  request.uid = uid;
  if (in.accept_text("RETURN ")) {
    TRY_ASSIGN(request.extended, parse_search_return(in));
    TRY(in.space());
  }
  auto program = SearchParser(in, request).program();
  if (!program) {
    ParseError error = std::move(program).error();
    error.forgets_saved = error.no && request.extended && request.extended->save;
    return std::unexpected(std::move(error));
  }
  return request;
}

}  // namespace hauspost::imap
