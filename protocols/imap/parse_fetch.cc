// Arguments of FETCH (RFC 3501 section 6.4.5, BINARY: RFC 3516, CHANGEDSINCE: RFC 7162, OBJECTID:
// RFC 8474, SAVEDATE: RFC 8514, PREVIEW: RFC 8970, PARTIAL: RFC 9394).
#include <algorithm>

#include "base/text.h"
#include "protocols/imap/parse_rules.h"

namespace hauspost::imap {
namespace {

using enum FetchAttribute;

struct PlainWord {
  std::string_view word;
  FetchAttribute attribute;
};
constexpr PlainWord kPlainWords[] = {
    {"BODY", kBody},
    {"BODYSTRUCTURE", kBodyStructure},
    {"EMAILID", kEmailId},
    {"ENVELOPE", kEnvelope},
    {"FLAGS", kFlags},
    {"INTERNALDATE", kInternalDate},
    {"MODSEQ", kModSeq},
    {"PREVIEW", kPreview},
    {"RFC822", kRfc822},
    {"RFC822.HEADER", kRfc822Header},
    {"RFC822.SIZE", kRfc822Size},
    {"RFC822.TEXT", kRfc822Text},
    {"SAVEDATE", kSaveDate},
    {"THREADID", kThreadId},
    {"UID", kUid},
};
constexpr FetchAttribute kFast[] = {kFlags, kInternalDate, kRfc822Size};
constexpr FetchAttribute kAll[] = {kFlags, kInternalDate, kRfc822Size, kEnvelope};
constexpr FetchAttribute kFull[] = {kFlags, kInternalDate, kRfc822Size, kEnvelope, kBody};

bool is_plain(FetchAttribute attribute) {
  return attribute != kSection && attribute != kBinary && attribute != kBinarySize;
}

// Plain items are kept once: a second one says nothing new.
void add_item(FetchRequest& fetch, FetchItem item) {
  const bool again =
      is_plain(item.attribute) &&
      std::ranges::find(fetch.items, item.attribute, &FetchItem::attribute) != fetch.items.end();
  if (!again) fetch.items.push_back(std::move(item));
}

// section-part: nz-number *("." nz-number). Stops before a "." that no number follows.
Parsed<std::vector<std::uint32_t>> section_part(Cursor& in) {
  std::vector<std::uint32_t> part;
  while (is_digit(in.peek())) {
    if (part.size() == in.limits().nesting_max) return in.bad("section is too deep");
    TRY_ASSIGN(const std::uint32_t number, in.nz_number());
    part.push_back(number);
    if (in.peek() != '.' || !is_digit(in.peek_second())) break;
    in.accept('.');
  }
  return part;
}

// section-msgtext / "MIME".
Parsed<> section_text(Cursor& in, mime::Section& section) {
  using mime::SectionText;
  if (in.accept_text("HEADER.FIELDS")) {
    section.text =
        in.accept_text(".NOT") ? SectionText::kHeaderFieldsNot : SectionText::kHeaderFields;
    TRY(in.space());
    return in.list(1, [&]() -> Parsed<> {
      TRY_ASSIGN(std::string field, in.astring());
      section.fields.push_back(std::move(field));
      return {};
    });
  }
  if (in.accept_text("HEADER")) {
    section.text = SectionText::kHeader;
  } else if (in.accept_text("TEXT")) {
    section.text = SectionText::kText;
  } else if (!section.part.empty() && in.accept_text("MIME")) {
    section.text = SectionText::kMime;
  } else {
    return in.bad("section expected");
  }
  return {};
}

// "[" [section-spec] "]"; BINARY has part numbers alone.
Parsed<> bracketed_section(Cursor& in, FetchItem& item) {
  TRY(in.expect('['));
  TRY_ASSIGN(item.section.part, section_part(in));
  const bool text_follows = item.section.part.empty() ? in.peek() != ']' : in.accept('.');
  if (text_follows) {
    if (item.attribute != kSection) return in.bad("part number expected");
    TRY(section_text(in, item.section));
  }
  return in.expect(']');
}

// partial: "<" number "." nz-number ">".
Parsed<> partial(Cursor& in, FetchItem& item) {
  if (!in.accept('<')) return {};
  Partial range;
  TRY_ASSIGN(range.offset, in.number());
  TRY(in.expect('.'));
  TRY_ASSIGN(range.count, in.nz_number());
  TRY(in.expect('>'));
  item.partial = range;
  return {};
}

bool is_item_char(char c) { return is_alpha(c) || is_digit(c) || c == '.'; }

// fetch-att.
Parsed<> fetch_item(Cursor& in, FetchRequest& fetch) {
  const std::string word = ascii_upper(in.take_while(is_item_char));
  FetchItem item;
  if (in.peek() != '[') {
    const auto* const found = std::ranges::find(kPlainWords, word, &PlainWord::word);
    if (found == std::ranges::end(kPlainWords)) return in.bad("unknown FETCH item");
    item.attribute = found->attribute;
    // RFC 8970 section 4.1. Making a preview is no delay worth a NIL.
    if (item.attribute == kPreview) in.accept_text(" (LAZY)");
    add_item(fetch, std::move(item));
    return {};
  }
  item.peek = word.ends_with(".PEEK");
  if (word == "BODY" || word == "BODY.PEEK") {
    item.attribute = kSection;
  } else if (word == "BINARY" || word == "BINARY.PEEK") {
    item.attribute = kBinary;
  } else if (word == "BINARY.SIZE") {
    item.attribute = kBinarySize;
  } else {
    return in.bad("unknown FETCH item");
  }
  TRY(bracketed_section(in, item));
  if (item.attribute != kBinarySize) TRY(partial(in, item));
  add_item(fetch, std::move(item));
  return {};
}

bool macro(Cursor& in, FetchRequest& fetch) {
  const auto expand = [&](std::span<const FetchAttribute> attributes) {
    for (const FetchAttribute attribute : attributes)
      fetch.items.push_back({.attribute = attribute});
    return true;
  };
  const auto word = [&](std::string_view name) {
    return in.next_is_word(name) && in.accept_text(name);
  };
  if (word("FAST")) return expand(kFast);
  if (word("ALL")) return expand(kAll);
  if (word("FULL")) return expand(kFull);
  return false;
}

// fetch-modifiers (RFC 7162 sections 3.1.4 and 3.2.6, RFC 9394 section 3.3).
Parsed<> modifiers(Cursor& in, FetchRequest& fetch) {
  TRY(in.list(1, [&]() -> Parsed<> {
    TRY_ASSIGN(const std::string word, in.keyword());
    if (word == "CHANGEDSINCE") {
      TRY(in.space());
      TRY_ASSIGN(fetch.changed_since, in.number64());
    } else if (word == "VANISHED" && fetch.uid) {
      fetch.vanished = true;
    } else if (word == "PARTIAL" && fetch.uid) {
      TRY(in.space());
      TRY_ASSIGN(fetch.partial, in.partial_range());
    } else {
      return in.bad("unknown FETCH modifier");
    }
    return {};
  }));
  if (fetch.vanished && !fetch.changed_since) return in.bad("VANISHED needs CHANGEDSINCE");
  return {};
}

}  // namespace

Parsed<mime::Section> parse_section(Cursor& in) {
  mime::Section section;
  TRY_ASSIGN(section.part, section_part(in));
  const bool text_follows = section.part.empty() ? !in.at_end() : in.accept('.');
  if (text_follows) TRY(section_text(in, section));
  return section;
}

Parsed<std::vector<FetchItem>> parse_fetch_items(Cursor& in) {
  FetchRequest fetch;
  TRY(in.list(1, [&] { return fetch_item(in, fetch); }));
  return std::move(fetch.items);
}

Parsed<Arguments> parse_fetch(Cursor& in, bool uid) {
  FetchRequest fetch;
  fetch.uid = uid;
  TRY_ASSIGN(fetch.set, in.sequence_set());
  TRY(in.space());
  // RFC 3501 section 6.4.8: UID FETCH answers with UID whether asked or not.
  if (uid) add_item(fetch, {.attribute = kUid});
  if (in.peek() == '(') {
    TRY(in.list(1, [&] { return fetch_item(in, fetch); }));
  } else if (!macro(in, fetch)) {
    TRY(fetch_item(in, fetch));
  }
  if (in.accept(' ')) TRY(modifiers(in, fetch));
  if (fetch.changed_since) add_item(fetch, {.attribute = kModSeq});
  return fetch;
}

}  // namespace hauspost::imap
