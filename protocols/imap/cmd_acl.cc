// GETACL SETACL DELETEACL LISTRIGHTS MYRIGHTS (RFC 4314).
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "protocols/imap/acl_reply.h"
#include "protocols/imap/command_table.h"
#include "protocols/imap/fetch_output.h"
#include "protocols/imap/mailbox_name.h"
#include "protocols/imap/sharing.h"

namespace hauspost::imap {
namespace {

constexpr std::string_view kAnyone = "anyone";
// Each may be granted without the others (RFC 4314 section 3.7).
constexpr std::string_view kGrantable = "l r s w i p k x t e c d a";

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// Whose rights a command speaks of.
struct Subject {
  Guid identity;  // nil: anyone
  bool owner = false;
};

std::expected<Subject, Reply> subject_of(const Session& session, const store::Folder& folder,
                                         std::string_view identifier) {
  // RFC 4314 section 2: rights are granted here, never denied.
  if (identifier.starts_with('-'))
    return std::unexpected(no("CANNOT", "Negative rights are not supported"));
  if (iequals(identifier, kAnyone)) return Subject{};
  const People* const people = session.services().people;
  const auto person = people != nullptr ? people->named(identifier) : std::nullopt;
  if (!person) return std::unexpected(no("NONEXISTENT", "No such user in this database"));
  const auto owner = session.snapshot().mailbox(folder.mailbox);
  return Subject{person->mailbox, owner && owner->guid == person->mailbox};
}

// The folder that its administrator speaks of, or the reply that says why not.
std::expected<store::Folder, Reply> administered(const Session& session, const std::string& path) {
  auto folder = session.find_folder(path);
  if (!folder) return std::unexpected(no("NONEXISTENT", "No such mailbox"));
  if (auto refused = refusal(session, *folder, store::kMayAdminister))
    return std::unexpected(*std::move(refused));
  return *std::move(folder);
}

std::string name_for(const Session& session, const Guid& identity) {
  if (identity.is_nil()) return std::string(kAnyone);
  const People* const people = session.services().people;
  const auto person = people != nullptr ? people->person(identity) : std::nullopt;
  return person ? person->address : identity.to_string();
}

// "+lr", "-lr" or "lr" (RFC 4314 section 3.1).
std::optional<store::RightBits> modified(store::RightBits before, std::string_view text) {
  const bool add = text.starts_with('+');
  const bool remove = text.starts_with('-');
  const auto named = parse_rights(text.substr(add || remove ? 1 : 0));
  if (!named) return std::nullopt;
  return add ? before | *named : remove ? before & ~*named : *named;
}

store::RightBits granted(const store::Snapshot& snapshot, store::FolderId folder,
                         const Guid& identity) {
  for (const store::FolderRight& right : snapshot.rights(folder)) {
    if (right.identity == identity) return right.rights;
  }
  return 0;
}

Task<Result<Reply>> change(Session& session, const store::Folder& folder, const Subject& subject,
                           store::RightBits rights) {
  if (subject.owner) co_return no("CANNOT", "The owner has every right");
  const auto done =
      co_await session.database().set_rights(session.actor(), folder.id, subject.identity, rights);
  if (!done) co_return reply_for(done.error());
  log::info("imap.rights.changed", {{"session", session.actor().session.to_string()},
                                    {"user", session.user()},
                                    {"folder", folder.path},
                                    {"identity", name_for(session, subject.identity)},
                                    {"rights", rights_text(rights)}});
  co_return Reply{};
}

}  // namespace

std::string my_rights_reply(const Session& session, const store::Folder& folder,
                            store::RightBits rights) {
  return fmt::format("MYRIGHTS {} {}", quoted_mailbox(folder.path, session.dialect().utf8),
                     rights_text(rights));
}

Task<Result<Reply>> cmd_getacl(Session& session, Command& command) {
  const auto& request = std::get<AclRequest>(command.arguments);
  const auto folder = administered(session, request.mailbox);
  if (!folder) co_return folder.error();
  const store::Snapshot snapshot = session.snapshot();
  std::string out = fmt::format("ACL {}", quoted_mailbox(folder->path, session.dialect().utf8));
  if (const auto owner = snapshot.mailbox(folder->mailbox))
    out += fmt::format(" {} {}", quoted(name_for(session, owner->guid)),
                       rights_text(store::kAllRights));
  for (const store::FolderRight& right : snapshot.rights(folder->id))
    out +=
        fmt::format(" {} {}", quoted(name_for(session, right.identity)), rights_text(right.rights));
  session.out().untagged(out);
  co_return Reply{};
}

Task<Result<Reply>> cmd_setacl(Session& session, Command& command) {
  const auto& request = std::get<AclRequest>(command.arguments);
  const auto folder = administered(session, request.mailbox);
  if (!folder) co_return folder.error();
  const auto subject = subject_of(session, *folder, request.identifier);
  if (!subject) co_return subject.error();
  const auto rights =
      modified(granted(session.snapshot(), folder->id, subject->identity), request.rights);
  if (!rights) co_return bad("No such right");
  co_return co_await change(session, *folder, *subject, *rights);
}

Task<Result<Reply>> cmd_deleteacl(Session& session, Command& command) {
  const auto& request = std::get<AclRequest>(command.arguments);
  const auto folder = administered(session, request.mailbox);
  if (!folder) co_return folder.error();
  const auto subject = subject_of(session, *folder, request.identifier);
  if (!subject) co_return subject.error();
  co_return co_await change(session, *folder, *subject, 0);
}

Task<Result<Reply>> cmd_listrights(Session& session, Command& command) {
  const auto& request = std::get<AclRequest>(command.arguments);
  const auto folder = administered(session, request.mailbox);
  if (!folder) co_return folder.error();
  const auto subject = subject_of(session, *folder, request.identifier);
  if (!subject) co_return subject.error();
  const std::string name = subject->identity.is_nil() ? std::string(kAnyone) : request.identifier;
  session.out().untagged(fmt::format(
      "LISTRIGHTS {} {} {}", quoted_mailbox(folder->path, session.dialect().utf8), quoted(name),
      subject->owner ? rights_text(store::kAllRights) : fmt::format("\"\" {}", kGrantable)));
  co_return Reply{};
}

Task<Result<Reply>> cmd_myrights(Session& session, Command& command) {
  const auto& request = std::get<AclRequest>(command.arguments);
  const auto folder = session.find_folder(request.mailbox);
  if (!folder) co_return no("NONEXISTENT", "No such mailbox");
  const store::RightBits rights = rights_on(session, *folder);
  // RFC 4314 section 4, table: any of these.
  constexpr store::RightBits kAnyOf = store::kMayLookUp | store::kMayRead | store::kMayInsert |
                                      store::kMayCreate | store::kMayDeleteFolder |
                                      store::kMayAdminister;
  if ((rights & kAnyOf) == 0) co_return no("NONEXISTENT", "No such mailbox");
  session.out().untagged(my_rights_reply(session, *folder, rights));
  co_return Reply{};
}

}  // namespace hauspost::imap
