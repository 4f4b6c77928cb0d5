// Arguments of the commands that change messages: STORE, COPY, MOVE, APPEND.
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

// [flag-list SP] [date-time SP] literal
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
  TRY_ASSIGN(Cursor::Literal literal, in.literal());
  // RFC 3502 section 6.3.11: an empty literal takes the whole APPEND back.
  if (literal.bytes->empty()) return in.no("", "empty message");
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

}  // namespace hauspost::imap
