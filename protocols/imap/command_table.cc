#include "protocols/imap/command_table.h"

#include <algorithm>

namespace hauspost::imap {
namespace {

constexpr auto kSelected = static_cast<std::uint8_t>(State::kSelected);
constexpr auto kLoggedIn =
    static_cast<std::uint8_t>(static_cast<std::uint8_t>(State::kAuthenticated) | kSelected);

// In the order of CommandName.
constexpr CommandEntry kTable[] = {
    {CommandName::kAppend, "APPEND", kLoggedIn, News::kNoExpunges, cmd_append},
    {CommandName::kAuthenticate, "AUTHENTICATE"},
    {CommandName::kCapability, "CAPABILITY", kLoggedIn, News::kNoExpunges, cmd_capability},
    {CommandName::kCheck, "CHECK", kSelected, News::kAll, cmd_noop},
    {CommandName::kClose, "CLOSE", kSelected, News::kNone, cmd_close},
    {CommandName::kCompress, "COMPRESS", kLoggedIn, News::kNone, cmd_compress},
    {CommandName::kCopy, "COPY", kSelected, News::kNoExpunges, cmd_copy, true},
    {CommandName::kCreate, "CREATE", kLoggedIn, News::kNoExpunges, cmd_create},
    {CommandName::kDelete, "DELETE", kLoggedIn, News::kNoExpunges, cmd_delete},
    {CommandName::kDeleteAcl, "DELETEACL", kLoggedIn, News::kNoExpunges, cmd_deleteacl},
    {CommandName::kEnable, "ENABLE", kLoggedIn, News::kNoExpunges, cmd_enable},
    {CommandName::kEsearch, "ESEARCH", kLoggedIn, News::kNoExpunges, cmd_esearch},
    {CommandName::kExamine, "EXAMINE", kLoggedIn, News::kNone, cmd_select},
    {CommandName::kExpunge, "EXPUNGE", kSelected, News::kAll, cmd_expunge},
    {CommandName::kFetch, "FETCH", kSelected, News::kNoExpunges, cmd_fetch, true},
    {CommandName::kGetAcl, "GETACL", kLoggedIn, News::kNoExpunges, cmd_getacl},
    {CommandName::kGetMetadata, "GETMETADATA", kLoggedIn, News::kNoExpunges, cmd_getmetadata},
    {CommandName::kGetQuota, "GETQUOTA", kLoggedIn, News::kNoExpunges, cmd_getquota},
    {CommandName::kGetQuotaRoot, "GETQUOTAROOT", kLoggedIn, News::kNoExpunges, cmd_getquotaroot},
    {CommandName::kId, "ID", kLoggedIn, News::kNoExpunges, cmd_id},
    {CommandName::kIdle, "IDLE", kLoggedIn, News::kAll, cmd_idle},
    {CommandName::kList, "LIST", kLoggedIn, News::kNoExpunges, cmd_list},
    {CommandName::kListRights, "LISTRIGHTS", kLoggedIn, News::kNoExpunges, cmd_listrights},
    {CommandName::kLogin, "LOGIN"},
    {CommandName::kLogout, "LOGOUT", kLoggedIn, News::kNone, cmd_logout},
    {CommandName::kLsub, "LSUB", kLoggedIn, News::kNoExpunges, cmd_lsub},
    {CommandName::kMove, "MOVE", kSelected, News::kAll, cmd_move, true},
    {CommandName::kMyRights, "MYRIGHTS", kLoggedIn, News::kNoExpunges, cmd_myrights},
    {CommandName::kNamespace, "NAMESPACE", kLoggedIn, News::kNoExpunges, cmd_namespace},
    {CommandName::kNoop, "NOOP", kLoggedIn, News::kAll, cmd_noop},
    {CommandName::kNotify, "NOTIFY", kLoggedIn, News::kNone, cmd_notify},
    {CommandName::kRename, "RENAME", kLoggedIn, News::kNoExpunges, cmd_rename},
    {CommandName::kReplace, "REPLACE", kSelected, News::kAll, cmd_replace, true},
    {CommandName::kSearch, "SEARCH", kSelected, News::kNoExpunges, cmd_search, true},
    {CommandName::kSelect, "SELECT", kLoggedIn, News::kNone, cmd_select},
    {CommandName::kSetAcl, "SETACL", kLoggedIn, News::kNoExpunges, cmd_setacl},
    {CommandName::kSetMetadata, "SETMETADATA", kLoggedIn, News::kNoExpunges, cmd_setmetadata},
    {CommandName::kSetQuota, "SETQUOTA", kLoggedIn, News::kNoExpunges, cmd_setquota},
    {CommandName::kSort, "SORT", kSelected, News::kNoExpunges, cmd_sort, true},
    {CommandName::kStartTls, "STARTTLS"},
    {CommandName::kStatus, "STATUS", kLoggedIn, News::kNoExpunges, cmd_status},
    {CommandName::kStore, "STORE", kSelected, News::kNoExpunges, cmd_store, true},
    {CommandName::kSubscribe, "SUBSCRIBE", kLoggedIn, News::kNoExpunges, cmd_subscribe},
    {CommandName::kThread, "THREAD", kSelected, News::kNoExpunges, cmd_thread, true},
    {CommandName::kUnselect, "UNSELECT", kSelected, News::kNone, cmd_unselect},
    {CommandName::kUnsubscribe, "UNSUBSCRIBE", kLoggedIn, News::kNoExpunges, cmd_unsubscribe},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < std::size(kTable); ++i) {
    if (static_cast<std::size_t>(kTable[i].name) != i) return false;
  }
  return true;
}
static_assert(in_order());

}  // namespace

const CommandEntry& command_entry(CommandName name) {
  return kTable[static_cast<std::size_t>(name)];
}

}  // namespace hauspost::imap
