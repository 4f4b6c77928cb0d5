// Arguments of the metadata commands (RFC 5464 section 5).
#include "base/text.h"
#include "protocols/imap/metadata_name.h"
#include "protocols/imap/parse_rules.h"

namespace hauspost::imap {
namespace {

Parsed<std::string> entry(Cursor& in) {
  TRY_ASSIGN(std::string name, in.astring());
  if (!metadata_name(name)) return in.bad("metadata entry expected");
  return name;
}

// nstring / literal8, and no octet is refused in the second.
Parsed<std::optional<std::string>> value(Cursor& in) {
  if (in.peek() != '~') return in.nstring();
  TRY_ASSIGN(const Cursor::Literal literal, in.literal());
  return *literal.bytes;
}

// "(" getmetadata-option *(SP getmetadata-option) ")".
Parsed<> options(Cursor& in, GetMetadataRequest& get) {
  return in.list(1, [&]() -> Parsed<> {
    TRY_ASSIGN(const std::string word, in.keyword());
    TRY(in.space());
    if (word == "MAXSIZE") {
      TRY_ASSIGN(get.max_size, in.number());
      return {};
    }
    if (word != "DEPTH") return in.bad("unknown option of GETMETADATA");
    TRY_ASSIGN(const std::string depth, in.keyword());
    if (depth == "0") {
      get.depth = MetadataDepth::kEntry;
    } else if (depth == "1") {
      get.depth = MetadataDepth::kChildren;
    } else if (depth == "INFINITY") {
      get.depth = MetadataDepth::kAll;
    } else {
      return in.bad("DEPTH is 0, 1 or infinity");
    }
    return {};
  });
}

}  // namespace

Parsed<std::vector<std::string>> parse_metadata_entries(Cursor& in) {
  std::vector<std::string> entries;
  const auto one = [&]() -> Parsed<> {
    TRY_ASSIGN(std::string name, entry(in));
    entries.push_back(std::move(name));
    return {};
  };
  if (in.peek() == '(') {
    TRY(in.list(1, one));
  } else {
    TRY(one());
  }
  return entries;
}

// The grammar has the options before the mailbox, the examples have them behind it: both are meant.
Parsed<Arguments> parse_getmetadata(Cursor& in) {
  GetMetadataRequest get;
  if (in.peek() == '(') {
    TRY(options(in, get));
    TRY(in.space());
  }
  TRY_ASSIGN(get.mailbox, in.mailbox());
  TRY(in.space());
  if (in.next_is_word("(MAXSIZE") || in.next_is_word("(DEPTH")) {
    TRY(options(in, get));
    TRY(in.space());
  }
  TRY_ASSIGN(get.entries, parse_metadata_entries(in));
  return get;
}

Parsed<Arguments> parse_setmetadata(Cursor& in) {
  SetMetadataRequest set;
  TRY_ASSIGN(set.mailbox, in.mailbox());
  TRY(in.space());
  TRY(in.list(1, [&]() -> Parsed<> {
    TRY_ASSIGN(std::string name, entry(in));
    if (metadata_name(name)->name.empty()) return in.bad("metadata entry expected");
    TRY(in.space());
    TRY_ASSIGN(std::optional<std::string> wanted, value(in));
    set.entries.emplace_back(std::move(name), std::move(wanted));
    return {};
  }));
  return set;
}

}  // namespace hauspost::imap
