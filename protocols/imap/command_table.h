// The table of commands: in which states each is allowed, what the client may be told with its
// answer, and who carries it out.
#pragma once

#include "protocols/imap/command.h"
#include "protocols/imap/reply.h"
#include "protocols/imap/session_core.h"

namespace hauspost::imap {

// Untagged news of the selected mailbox before the tagged reply. Expunges are held back from every
// command that may be followed by pipelined sequence numbers or that clients read past (RFC 3501
// section 7.4.1 forbids them only during FETCH, STORE and SEARCH).
enum class News : std::uint8_t { kNone, kNoExpunges, kAll };

// Carries out one command. The reply is written by the session, after the news. An error means that
// the client is gone. `command` lives until the handler returns.
using Handler = Task<Result<Reply>> (*)(Session& session, Command& command);

struct CommandEntry {
  CommandName name;
  std::string_view word;    // for "WORD completed"
  std::uint8_t states = 0;  // State bits; 0: not after login
  News news = News::kNone;
  Handler handler = nullptr;
  bool numbered = false;  // speaks of sequence numbers without the UID prefix
};

const CommandEntry& command_entry(CommandName name);

// cmd_state.cc
Task<Result<Reply>> cmd_capability(Session&, Command&);
Task<Result<Reply>> cmd_noop(Session&, Command&);  // also CHECK: everything is durable already
Task<Result<Reply>> cmd_logout(Session&, Command&);
Task<Result<Reply>> cmd_id(Session&, Command&);
Task<Result<Reply>> cmd_enable(Session&, Command&);
Task<Result<Reply>> cmd_namespace(Session&, Command&);
// cmd_list.cc, cmd_status.cc
Task<Result<Reply>> cmd_list(Session&, Command&);
Task<Result<Reply>> cmd_lsub(Session&, Command&);
Task<Result<Reply>> cmd_status(Session&, Command&);
// cmd_acl.cc
Task<Result<Reply>> cmd_deleteacl(Session&, Command&);
Task<Result<Reply>> cmd_getacl(Session&, Command&);
Task<Result<Reply>> cmd_listrights(Session&, Command&);
Task<Result<Reply>> cmd_myrights(Session&, Command&);
Task<Result<Reply>> cmd_setacl(Session&, Command&);
// cmd_quota.cc
Task<Result<Reply>> cmd_getquota(Session&, Command&);
Task<Result<Reply>> cmd_getquotaroot(Session&, Command&);
Task<Result<Reply>> cmd_setquota(Session&, Command&);
// cmd_metadata.cc
Task<Result<Reply>> cmd_getmetadata(Session&, Command&);
Task<Result<Reply>> cmd_setmetadata(Session&, Command&);
// cmd_select.cc
Task<Result<Reply>> cmd_select(Session&, Command&);  // and EXAMINE
Task<Result<Reply>> cmd_close(Session&, Command&);
Task<Result<Reply>> cmd_unselect(Session&, Command&);
// cmd_mailbox.cc
Task<Result<Reply>> cmd_create(Session&, Command&);
Task<Result<Reply>> cmd_delete(Session&, Command&);
Task<Result<Reply>> cmd_rename(Session&, Command&);
Task<Result<Reply>> cmd_subscribe(Session&, Command&);
Task<Result<Reply>> cmd_unsubscribe(Session&, Command&);
// one file each
Task<Result<Reply>> cmd_append(Session&, Command&);
Task<Result<Reply>> cmd_compress(Session&, Command&);
Task<Result<Reply>> cmd_copy(Session&, Command&);  // cmd_copy.cc
Task<Result<Reply>> cmd_move(Session&, Command&);  // cmd_copy.cc
Task<Result<Reply>> cmd_esearch(Session&, Command&);
Task<Result<Reply>> cmd_expunge(Session&, Command&);
Task<Result<Reply>> cmd_fetch(Session&, Command&);
Task<Result<Reply>> cmd_idle(Session&, Command&);
Task<Result<Reply>> cmd_notify(Session&, Command&);
Task<Result<Reply>> cmd_replace(Session&, Command&);
Task<Result<Reply>> cmd_search(Session&, Command&);
Task<Result<Reply>> cmd_sort(Session&, Command&);
Task<Result<Reply>> cmd_store(Session&, Command&);
Task<Result<Reply>> cmd_thread(Session&, Command&);

}  // namespace hauspost::imap
