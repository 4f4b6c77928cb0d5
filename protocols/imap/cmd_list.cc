// LIST and LSUB (RFC 3501 section 6.3.8, LIST-EXTENDED: RFC 5258, SPECIAL-USE: RFC 6154,
// LIST-STATUS: RFC 5819).
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "protocols/imap/acl_reply.h"
#include "protocols/imap/command_table.h"
#include "protocols/imap/list_pattern.h"
#include "protocols/imap/list_reply.h"
#include "protocols/imap/mailbox_name.h"
#include "protocols/imap/metadata_reply.h"
#include "protocols/imap/sharing.h"
#include "protocols/imap/status_reply.h"

namespace hauspost::imap {
namespace {

// Each is matched with up to a thousand patterns.
constexpr std::size_t kSliceFolders = 100;

std::string_view use_attribute(store::SpecialUse use) {
  switch (use) {
    case store::SpecialUse::kDrafts: return "\\Drafts";
    case store::SpecialUse::kSent: return "\\Sent";
    case store::SpecialUse::kJunk: return "\\Junk";
    case store::SpecialUse::kTrash: return "\\Trash";
    case store::SpecialUse::kArchive: return "\\Archive";
    case store::SpecialUse::kAll: return "\\All";
    case store::SpecialUse::kFlagged: return "\\Flagged";
    case store::SpecialUse::kNone:
    case store::SpecialUse::kInbox:
    case store::SpecialUse::kRecoverable: break;
  }
  return "";
}

bool matches_any(const std::vector<ListPattern>& patterns, std::string_view path) {
  return std::ranges::any_of(patterns, [&](const auto& pattern) { return pattern.matches(path); });
}

// The paths above `path`, nearest first.
template <class Visit>
void for_each_ancestor(std::string_view path, Visit visit) {
  for (std::size_t at = path.rfind('/'); at != std::string_view::npos; at = path.rfind('/')) {
    path = path.substr(0, at);
    visit(path);
  }
}

// Whether the selection options, RECURSIVEMATCH apart, pick this folder.
bool selected(const ListRequest& list, const store::Folder& folder) {
  return (!list.select_subscribed || folder.subscribed) &&
         (!list.select_special_use || !use_attribute(folder.special_use).empty());
}

std::string attributes(const Session& session, const ListRequest& list,
                       const store::Folder& folder) {
  std::string out;
  const auto add = [&](std::string_view attribute) {
    if (!out.empty()) out += ' ';
    out += attribute;
  };
  if (session.offers(Extension::kChildren) || list.return_children)
    add(folder.has_children ? "\\HasChildren" : "\\HasNoChildren");
  if (folder.id == store::FolderId()) add("\\Noselect");
  const std::string_view use = use_attribute(folder.special_use);
  if (!use.empty() && session.offers(Extension::kSpecialUse)) add(use);
  if (folder.subscribed && (list.select_subscribed || list.return_subscribed))
    add("\\Subscribed");
  return out;
}

// CHILDINFO (RFC 5258 section 4): the options by which some child below is picked.
std::string child_info(const ListRequest& list) {
  std::string out;
  if (list.select_subscribed) out += "\"SUBSCRIBED\"";
  if (list.select_special_use) out += out.empty() ? "\"SPECIAL-USE\"" : " \"SPECIAL-USE\"";
  return fmt::format(" (\"CHILDINFO\" ({}))", out);
}

}  // namespace

std::string_view special_use_attribute(store::SpecialUse use) { return use_attribute(use); }

std::string list_reply(const Session& session, const store::Folder& folder,
                       std::string_view old_path) {
  const bool utf8 = session.dialect().utf8;
  std::string old_name;
  if (!old_path.empty())
    old_name = fmt::format(" (\"OLDNAME\" ({}))", quoted_mailbox(old_path, utf8));
  return fmt::format("LIST ({}) \"/\" {}{}",
                     attributes(session, {.return_subscribed = true}, folder),
                     quoted_mailbox(folder.path, utf8), old_name);
}

Task<Result<Reply>> cmd_list(Session& session, Command& command) {
  const auto& list = std::get<ListRequest>(command.arguments);
  if (list.delimiter_only) {
    session.out().untagged("LIST (\\Noselect) \"/\" \"\"");
    co_return Reply{};
  }
  const std::vector<ListPattern> patterns(list.patterns.begin(), list.patterns.end());
  CO_TRY(co_await session.open_shared());
  const std::vector<store::Folder> folders = visible_folders(session);
  std::set<std::string_view> has_selected_child;  // views into `folders`
  if (list.select_recursive) {
    for (const store::Folder& folder : folders) {
      if (!selected(list, folder)) continue;
      for_each_ancestor(folder.path,
                        [&](std::string_view path) { has_selected_child.insert(path); });
    }
  }
  if (std::ranges::find(list.return_status, StatusItem::kHighestModSeq) != list.return_status.end())
    session.enable_condstore();
  std::size_t looked_at = 0;
  for (const store::Folder& folder : folders) {
    if (++looked_at % kSliceFolders == 0) CO_TRY(co_await session.let_others_run());
    const bool parent = has_selected_child.contains(folder.path);
    if ((!selected(list, folder) && !parent) || !matches_any(patterns, folder.path)) continue;
    session.out().untagged(fmt::format("LIST ({}) \"/\" {}{}", attributes(session, list, folder),
                                       quoted_mailbox(folder.path, session.dialect().utf8),
                                       parent ? child_info(list) : ""));
    if (folder.id == store::FolderId()) continue;
    const store::RightBits rights = rights_on(session, folder);
    if (list.return_my_rights) session.out().untagged(my_rights_reply(session, folder, rights));
    if (!list.return_status.empty() && (rights & store::kMayRead) != 0)
      session.out().untagged(
          status_reply(session, folder, list.return_status));
    // RFC 9590: behind each mailbox its own.
    if (!list.return_metadata.empty() && (rights & store::kMayRead) != 0)
      write_metadata(session, &folder, {.entries = list.return_metadata});
    if (session.out().full()) CO_TRY(co_await session.out().flush());
  }
  co_return Reply{};
}

// RFC 3501 section 6.3.9. With "%" a parent that is not subscribed itself stands for its subscribed
// children as \Noselect.
Task<Result<Reply>> cmd_lsub(Session& session, Command& command) {
  const auto& list = std::get<ListRequest>(command.arguments);
  const std::vector<ListPattern> patterns(list.patterns.begin(), list.patterns.end());
  const std::vector<store::Folder> folders = visible_folders(session);
  std::set<std::string_view> subscribed;  // views into `folders`
  std::set<std::string_view> parents;
  for (const store::Folder& folder : folders) {
    if (!folder.subscribed) continue;
    subscribed.insert(folder.path);
    if (matches_any(patterns, folder.path)) continue;
    for_each_ancestor(folder.path, [&](std::string_view path) {
      if (matches_any(patterns, path)) parents.insert(path);
    });
  }
  for (const store::Folder& folder : folders) {
    const bool itself = subscribed.contains(folder.path) && matches_any(patterns, folder.path);
    if (!itself && !parents.contains(folder.path)) continue;
    session.out().untagged(
        fmt::format("LSUB ({}) \"/\" {}", itself ? "" : "\\Noselect",
                    quoted_mailbox(folder.path, session.dialect().utf8)));
    if (session.out().full()) CO_TRY(co_await session.out().flush());
  }
  co_return Reply{};
}

}  // namespace hauspost::imap
