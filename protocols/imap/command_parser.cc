#include "protocols/imap/command_parser.h"

#include <algorithm>

#include "protocols/imap/parse_rules.h"

namespace hauspost::imap {
namespace {

using PlainRule = Parsed<Arguments> (*)(Cursor&);
using UidRule = Parsed<Arguments> (*)(Cursor&, bool uid);

struct Entry {
  std::string_view word;
  CommandName name;
  PlainRule rule = nullptr;    // neither: the command has no arguments
  UidRule uid_rule = nullptr;  // also reached by "UID"
};

// UID EXPUNGE sequence-set (RFC 4315 section 2.1); EXPUNGE alone has no argument.
Parsed<Arguments> parse_expunge(Cursor& in, bool uid) {
  ExpungeRequest expunge;
  if (uid) {
    TRY_ASSIGN(expunge.uids, in.sequence_set());
  }
  return expunge;
}

constexpr Entry kEntries[] = {
    {"APPEND", CommandName::kAppend, parse_append},
    {"AUTHENTICATE", CommandName::kAuthenticate, parse_authenticate},
    {"CAPABILITY", CommandName::kCapability},
    {"CHECK", CommandName::kCheck},
    {"CLOSE", CommandName::kClose},
    {"COMPRESS", CommandName::kCompress, parse_compress},
    {"COPY", CommandName::kCopy, nullptr, parse_copy},
    {"CREATE", CommandName::kCreate, parse_create},
    {"DELETE", CommandName::kDelete, parse_mailbox},
    {"DELETEACL", CommandName::kDeleteAcl, parse_acl_identifier},
    {"ENABLE", CommandName::kEnable, parse_enable},
    {"ESEARCH", CommandName::kEsearch, parse_esearch},
    {"EXAMINE", CommandName::kExamine, parse_select},
    {"EXPUNGE", CommandName::kExpunge, nullptr, parse_expunge},
    {"FETCH", CommandName::kFetch, nullptr, parse_fetch},
    {"GETACL", CommandName::kGetAcl, parse_acl_mailbox},
    {"GETMETADATA", CommandName::kGetMetadata, parse_getmetadata},
    {"GETQUOTA", CommandName::kGetQuota, parse_getquota},
    {"GETQUOTAROOT", CommandName::kGetQuotaRoot, parse_getquotaroot},
    {"ID", CommandName::kId, parse_id},
    {"IDLE", CommandName::kIdle},
    {"LIST", CommandName::kList, parse_list},
    {"LISTRIGHTS", CommandName::kListRights, parse_acl_identifier},
    {"LOGIN", CommandName::kLogin, parse_login},
    {"LOGOUT", CommandName::kLogout},
    {"LSUB", CommandName::kLsub, parse_lsub},
    {"MOVE", CommandName::kMove, nullptr, parse_copy},
    {"MYRIGHTS", CommandName::kMyRights, parse_acl_mailbox},
    {"NAMESPACE", CommandName::kNamespace},
    {"NOOP", CommandName::kNoop},
    {"NOTIFY", CommandName::kNotify, parse_notify},
    {"RENAME", CommandName::kRename, parse_rename},
    {"REPLACE", CommandName::kReplace, nullptr, parse_replace},
    {"SEARCH", CommandName::kSearch, nullptr, parse_search},
    {"SELECT", CommandName::kSelect, parse_select},
    {"SETACL", CommandName::kSetAcl, parse_setacl},
    {"SETMETADATA", CommandName::kSetMetadata, parse_setmetadata},
    {"SETQUOTA", CommandName::kSetQuota, parse_setquota},
    {"SORT", CommandName::kSort, nullptr, parse_sort},
    {"STARTTLS", CommandName::kStartTls},
    {"STATUS", CommandName::kStatus, parse_status},
    {"STORE", CommandName::kStore, nullptr, parse_store},
    {"SUBSCRIBE", CommandName::kSubscribe, parse_mailbox},
    {"THREAD", CommandName::kThread, nullptr, parse_thread},
    {"UNSELECT", CommandName::kUnselect},
    {"UNSUBSCRIBE", CommandName::kUnsubscribe, parse_mailbox},
};
static_assert(std::ranges::is_sorted(kEntries, {}, &Entry::word));

// At the word's first character. REQUIRES: it has been taken.
std::unexpected<ParseError> unknown_command(const Cursor& in, std::string_view word) {
  auto error = in.bad("unknown command");
  error.error().offset -= word.size();
  return error;
}

Parsed<Command> command(Cursor& in, Extensions without) {
  TRY_ASSIGN(std::string word, in.keyword());
  Command command;
  command.uid = word == "UID";
  if (command.uid) {
    TRY(in.space());
    TRY_ASSIGN(word, in.keyword());
  }
  const auto* const found = std::ranges::lower_bound(kEntries, word, {}, &Entry::word);
  if (found == std::ranges::end(kEntries) || found->word != word ||
      (command.uid && found->uid_rule == nullptr))
    return unknown_command(in, word);
  command.name = found->name;
  const auto extension = extension_of(command.name, command.uid);
  if (extension && without.has(*extension)) return unknown_command(in, word);
  const bool bare_expunge = found->name == CommandName::kExpunge && !command.uid;
  if ((found->rule != nullptr || found->uid_rule != nullptr) && !bare_expunge) TRY(in.space());
  if (found->rule != nullptr) {
    TRY_ASSIGN(command.arguments, found->rule(in));
  } else if (found->uid_rule != nullptr) {
    TRY_ASSIGN(command.arguments, found->uid_rule(in, command.uid));
  }
  TRY(in.end());
  return command;
}

bool is_tag_end(char c) { return c != ' ' && c != '\r'; }

}  // namespace

ParsedCommand parse_command(RawCommand raw, const Limits& limits, bool utf8, Extensions without) {
  ParsedCommand parsed{std::string(tag_of(raw.text)), Command{}};
  Cursor in(raw, limits, utf8);
  in.take_while(is_tag_end);
  if (parsed.tag == "*") {
    parsed.command = in.bad("tag expected");
  } else if (auto space = in.space(); !space) {
    parsed.command = std::unexpected(std::move(space).error());
  } else {
    parsed.command = command(in, without);
  }
  return parsed;
}

}  // namespace hauspost::imap
