// Arguments of the commands that change messages: STORE, COPY, MOVE, APPEND (CATENATE: RFC 4469,
// UTF8: RFC 6855), REPLACE (RFC 8508).
#include "protocols/imap/parse_rules.h"

namespace hauspost::imap {
namespace {

// "(UNCHANGEDSINCE" SP mod-sequence-valzer ")" (RFC 7162 section 3.1.3).
Parsed<> store_modifiers(Cursor& in, StoreRequest& store) {
  return in.list(1, [&]() -> Parsed<> {
    if (!in.accept_text("UNCHANGEDSINCE ")) return in.bad("unknown STORE modifier");
    TRY_ASSIGN(store.unchanged_since, in.number64());
    return {};
  });
}

Parsed<std::shared_ptr<const std::string>> text_literal(Cursor& in) {
  TRY_ASSIGN(Cursor::Literal literal, in.literal());
  if (literal.bytes->contains('\0'))
    return in.no(literal.binary ? "UNKNOWN-CTE" : "CANNOT", "message holds a NUL");
  return std::move(literal.bytes);
}

// utf8-literal behind "UTF8 ": "(" literal8 ")".
Parsed<std::shared_ptr<const std::string>> utf8_literal(Cursor& in) {
  TRY(in.expect('('));
  if (in.peek() != '~') return in.bad("literal8 expected");
  TRY_ASSIGN(auto bytes, text_literal(in));
  TRY(in.expect(')'));
  return bytes;
}

// cat-part.
Parsed<> catenate_part(Cursor& in, AppendMessage& message) {
  TRY_ASSIGN(const std::string word, in.keyword());
  TRY(in.space());
  CatenatePart part;
  if (word == "URL") {
    TRY_ASSIGN(part.url, in.astring());
    if (part.url.empty()) return in.bad("URL expected");
  } else if (word == "TEXT") {
    TRY_ASSIGN(part.text, text_literal(in));
  } else if (word == "UTF8") {
    message.utf8 = true;
    TRY_ASSIGN(part.text, utf8_literal(in));
  } else {
    return in.bad("TEXT or URL expected");
  }
  message.parts.push_back(std::move(part));
  return {};
}

// [flag-list SP] [date-time SP] append-data
Parsed<AppendMessage> append_message(Cursor& in) {
  AppendMessage message;
  if (in.peek() == '(') {
    TRY_ASSIGN(message.flags, in.flag_list(false));
    TRY(in.space());
  }
  if (in.peek() == '"') {
    TRY_ASSIGN(message.internal_date_s, in.date_time());
    TRY(in.space());
  }
  if (in.accept_text("CATENATE ")) {
    TRY(in.list(1, [&] { return catenate_part(in, message); }));
    return message;
  }
  if (in.accept_text("UTF8 ")) {
    message.utf8 = true;
    TRY_ASSIGN(message.bytes, utf8_literal(in));
    return message;
  }
  TRY_ASSIGN(Cursor::Literal literal, in.literal());
  // RFC 3502 section 6.3.11: an empty literal takes the whole APPEND back.
  if (literal.bytes->empty()) return in.no("CANNOT", "empty message");
  if (literal.bytes->contains('\0'))
    return in.no(literal.binary ? "UNKNOWN-CTE" : "CANNOT", "message holds a NUL");
  message.bytes = std::move(literal.bytes);
  message.binary = literal.binary;
  return message;
}

}  // namespace

Parsed<Arguments> parse_store(Cursor& in, bool uid) {
  StoreRequest store;
  store.uid = uid;
  TRY_ASSIGN(store.set, in.sequence_set());
  TRY(in.space());
  if (in.peek() == '(') {
    TRY(store_modifiers(in, store));
    TRY(in.space());
  }
  store.mode = in.accept('+')   ? store::FlagMode::kAdd
               : in.accept('-') ? store::FlagMode::kRemove
                                : store::FlagMode::kReplace;
  if (!in.accept_text("FLAGS")) return in.bad("FLAGS expected");
  store.silent = in.accept_text(".SILENT");
  TRY(in.space());
  TRY_ASSIGN(store.flags, in.flag_list(true));
  // Some clients put the modifier last; acting without it would overwrite what it guards.
  if (in.accept(' ')) TRY(store_modifiers(in, store));
  return store;
}

Parsed<Arguments> parse_copy(Cursor& in, bool uid) {
  CopyRequest copy;
  copy.uid = uid;
  TRY_ASSIGN(copy.set, in.sequence_set());
  TRY(in.space());
  TRY_ASSIGN(copy.mailbox, in.mailbox());
  return copy;
}

Parsed<Arguments> parse_append(Cursor& in) {
  AppendRequest append;
  TRY_ASSIGN(append.mailbox, in.mailbox());
  TRY(in.space());
  do {
    TRY_ASSIGN(AppendMessage message, append_message(in));
    append.messages.push_back(std::move(message));
  } while (in.accept(' '));
  return append;
}

// REPLACE seq-number SP mailbox SP append-message.
Parsed<Arguments> parse_replace(Cursor& in, bool uid) {
  ReplaceRequest replace;
  replace.uid = uid;
  TRY_ASSIGN(const SequenceSet set, in.sequence_set());
  if (set.ranges.size() != 1 || set.ranges[0].first != set.ranges[0].last)
    return in.bad("one message expected");
  replace.number = set.ranges[0].first;
  TRY(in.space());
  TRY_ASSIGN(replace.mailbox, in.mailbox());
  TRY(in.space());
  TRY_ASSIGN(replace.message, append_message(in));
  return replace;
}

}  // namespace hauspost::imap
