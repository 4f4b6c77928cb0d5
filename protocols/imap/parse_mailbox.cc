// Arguments of the commands that name mailboxes.
#include <algorithm>

#include "base/text.h"
#include "protocols/imap/mailbox_name.h"
#include "protocols/imap/parse_rules.h"

namespace hauspost::imap {
namespace {

struct StatusWord {
  std::string_view word;
  StatusItem item;
};
constexpr StatusWord kStatusWords[] = {
    {"APPENDLIMIT", StatusItem::kAppendLimit},
    {"DELETED", StatusItem::kDeleted},
    {"DELETED-STORAGE", StatusItem::kDeletedStorage},
    {"HIGHESTMODSEQ", StatusItem::kHighestModSeq},
    {"MAILBOXID", StatusItem::kMailboxId},
    {"MESSAGES", StatusItem::kMessages},
    {"RECENT", StatusItem::kRecent},
    {"SIZE", StatusItem::kSize},
    {"UIDNEXT", StatusItem::kUidNext},
    {"UIDVALIDITY", StatusItem::kUidValidity},
    {"UNSEEN", StatusItem::kUnseen},
};

// use-attr (RFC 6154 section 6), without its backslash. What a plain mailbox cannot be is kNone.
store::SpecialUse special_use(std::string_view name) {
  if (iequals(name, "Archive")) return store::SpecialUse::kArchive;
  if (iequals(name, "Drafts")) return store::SpecialUse::kDrafts;
  if (iequals(name, "Junk")) return store::SpecialUse::kJunk;
  if (iequals(name, "Sent")) return store::SpecialUse::kSent;
  if (iequals(name, "Trash")) return store::SpecialUse::kTrash;
  return store::SpecialUse::kNone;
}

bool is_list_char(char c) { return c == '%' || c == '*' || is_astring_char(c); }

// list-mailbox: a pattern as it stands on the wire.
Parsed<std::string> list_mailbox(Cursor& in) {
  if (in.peek() == '"' || in.peek() == '{') return in.string();
  const std::string_view word = in.take_while(is_list_char);
  if (word.empty()) return in.bad("mailbox pattern expected");
  return std::string(word);
}

std::optional<std::string> list_path(const Cursor& in, std::string_view name) {
  return in.utf8() ? utf8_mailbox_path(name) : mailbox_path(name);
}

Parsed<> list_selection(Cursor& in, ListRequest& list) {
  bool any = false;
  TRY(in.list(0, [&]() -> Parsed<> {
    TRY_ASSIGN(const std::string word, in.keyword());
    if (word == "SUBSCRIBED") {
      list.select_subscribed = any = true;
    } else if (word == "SPECIAL-USE") {
      list.select_special_use = any = true;
    } else if (word == "RECURSIVEMATCH") {
      list.select_recursive = true;
    } else if (word != "REMOTE") {  // nothing here is remote
      return in.bad("unknown selection option");
    }
    return {};
  }));
  // RFC 5258 section 3.1: RECURSIVEMATCH refines another option.
  if (list.select_recursive && !any) return in.bad("RECURSIVEMATCH needs another option");
  return {};
}

Parsed<> list_return(Cursor& in, ListRequest& list) {
  return in.list(0, [&]() -> Parsed<> {
    TRY_ASSIGN(const std::string word, in.keyword());
    if (word == "SUBSCRIBED") {
      list.return_subscribed = true;
    } else if (word == "CHILDREN") {
      list.return_children = true;
    } else if (word == "SPECIAL-USE") {
      list.return_special_use = true;
    } else if (word == "STATUS") {
      TRY(in.space());
      TRY_ASSIGN(list.return_status, parse_status_items(in));
    } else if (word == "MYRIGHTS") {
      list.return_my_rights = true;
    } else if (word == "METADATA") {
      TRY(in.space());
      TRY_ASSIGN(list.return_metadata, parse_metadata_entries(in));
    } else {
      return in.bad("unknown return option");
    }
    return {};
  });
}

// A reference or pattern that is not valid on the wire names nothing: no mailbox matches it.
Parsed<> list_names(Cursor& in, ListRequest& list) {
  TRY_ASSIGN(const std::string reference, list_mailbox(in));
  TRY(in.space());
  std::vector<std::string> patterns;
  std::size_t bytes = 0;  // the reference stands before each pattern
  const auto one = [&]() -> Parsed<> {
    TRY_ASSIGN(std::string pattern, list_mailbox(in));
    bytes += reference.size() + pattern.size();
    if (bytes > in.limits().command_bytes_max) return in.bad("patterns are too long");
    patterns.push_back(std::move(pattern));
    return {};
  };
  if (in.peek() == '(') {
    list.extended = true;
    TRY(in.list(1, one));
  } else {
    TRY(one());
  }
  list.delimiter_only = !list.extended && patterns.front().empty();
  const auto utf8 = in.utf8() ? std::optional(reference) : decode_utf7(reference);
  if (utf8) list.reference = *utf8;
  for (const std::string& pattern : patterns) {
    auto decoded = list_path(in, reference + pattern);
    if (decoded) list.patterns.push_back(*std::move(decoded));
  }
  return {};
}

}  // namespace

Parsed<std::vector<StatusItem>> parse_status_items(Cursor& in) {
  std::vector<StatusItem> items;
  TRY(in.list(1, [&]() -> Parsed<> {
    TRY_ASSIGN(const std::string word, in.keyword());
    const auto* const found = std::ranges::find(kStatusWords, word, &StatusWord::word);
    if (found == std::ranges::end(kStatusWords)) return in.bad("unknown status item");
    if (std::ranges::find(items, found->item) == items.end()) items.push_back(found->item);
    return {};
  }));
  return items;
}

Parsed<Arguments> parse_mailbox(Cursor& in) {
  TRY_ASSIGN(std::string mailbox, in.mailbox());
  return MailboxRequest{std::move(mailbox)};
}

Parsed<Arguments> parse_create(Cursor& in) {
  CreateRequest create;
  TRY_ASSIGN(create.mailbox, in.mailbox(&create.spelled));
  if (create.mailbox.ends_with(store::kHierarchySeparator)) {
    create.mailbox.pop_back();
    create.spelled.pop_back();
  }
  // RFC 9051 section 6.3.4: what is no Net-Unicode is made that.
  if (in.utf8()) create.mailbox = net_unicode(create.mailbox);
  if (!in.accept(' ')) return create;
  // create-param (RFC 6154 section 3): "(USE (" [use-attr *(SP use-attr)] "))".
  TRY(in.expect('('));
  if (!in.accept_text("USE ")) return in.bad("unknown parameter of CREATE");
  std::size_t uses = 0;
  TRY(in.list(0, [&]() -> Parsed<> {
    TRY(in.expect('\\'));
    TRY_ASSIGN(const std::string_view name, in.atom());
    create.use = special_use(name);
    if (++uses > 1 || create.use == store::SpecialUse::kNone)
      return in.no("USEATTR", "a mailbox cannot have this use");
    return {};
  }));
  TRY(in.expect(')'));
  return create;
}

Parsed<Arguments> parse_rename(Cursor& in) {
  RenameRequest rename;
  TRY_ASSIGN(rename.from, in.mailbox());
  TRY(in.space());
  TRY_ASSIGN(rename.to, in.mailbox());
  if (rename.to.ends_with(store::kHierarchySeparator)) rename.to.pop_back();
  if (in.utf8()) rename.to = net_unicode(rename.to);
  return rename;
}

namespace {

// How many numbers a set that rises has; 0: it does not rise.
std::uint64_t count_rising(const SequenceSet& set) {
  std::uint64_t count = 0;
  std::uint32_t before = 0;
  for (const SequenceSet::Range& range : set.ranges) {
    if (range.first <= before || range.last < range.first) return 0;
    before = range.last;
    count += std::uint64_t{range.last} - range.first + 1;
  }
  return count;
}

// seq-match-data (RFC 7162 section 7): "(" known-sequence-set SP known-uid-set ")".
Parsed<> match_data(Cursor& in, ResyncRequest& resync) {
  TRY(in.expect('('));
  TRY_ASSIGN(resync.match_sequences, in.known_set());
  TRY(in.space());
  TRY_ASSIGN(resync.match_uids, in.known_set());
  const std::uint64_t count = count_rising(resync.match_sequences);
  if (count == 0 || count != count_rising(resync.match_uids))
    return in.bad("sets that rise and are of one length expected");
  return in.expect(')');
}

// "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")".
Parsed<ResyncRequest> resync(Cursor& in) {
  ResyncRequest resync;
  TRY(in.expect('('));
  TRY_ASSIGN(resync.uid_validity, in.nz_number());
  TRY(in.space());
  TRY_ASSIGN(resync.modseq, in.number64());
  if (resync.modseq == 0) return in.bad("number above zero expected");
  if (in.peek() == ' ' && in.peek_second() != '(') {
    TRY(in.space());
    TRY_ASSIGN(resync.known_uids, in.known_set());
  }
  if (in.accept(' ')) TRY(match_data(in, resync));
  TRY(in.expect(')'));
  return resync;
}

}  // namespace

Parsed<Arguments> parse_select(Cursor& in) {
  SelectRequest select;
  TRY_ASSIGN(select.mailbox, in.mailbox(&select.spelled));
  if (!in.accept(' ')) return select;
  TRY(in.list(1, [&]() -> Parsed<> {
    TRY_ASSIGN(const std::string word, in.keyword());
    if (word == "CONDSTORE") {
      select.condstore = true;
      return {};
    }
    if (word != "QRESYNC" || select.resync) return in.bad("unknown parameter of SELECT");
    TRY(in.space());
    auto known = resync(in);
    if (!known) {
      known.error().breaks = Extension::kQresync;
      return std::unexpected(std::move(known).error());
    }
    select.resync = *std::move(known);
    return {};
  }));
  return select;
}

Parsed<Arguments> parse_status(Cursor& in) {
  StatusRequest status;
  TRY_ASSIGN(status.mailbox, in.mailbox());
  TRY(in.space());
  TRY_ASSIGN(status.items, parse_status_items(in));
  return status;
}

Parsed<Arguments> parse_list(Cursor& in) {
  ListRequest list;
  if (in.peek() == '(') {
    list.extended = true;
    TRY(list_selection(in, list));
    TRY(in.space());
  }
  TRY(list_names(in, list));
  if (in.accept(' ')) {
    list.extended = true;
    if (!in.accept_text("RETURN ")) return in.bad("RETURN expected");
    TRY(list_return(in, list));
  }
  return list;
}

Parsed<Arguments> parse_lsub(Cursor& in) {
  ListRequest list;
  TRY_ASSIGN(const std::string reference, list_mailbox(in));
  TRY(in.space());
  TRY_ASSIGN(const std::string pattern, list_mailbox(in));
  if (auto path = list_path(in, reference + pattern)) list.patterns.push_back(*std::move(path));
  return list;
}

}  // namespace hauspost::imap
