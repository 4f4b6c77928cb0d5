// ESEARCH over several mailboxes (RFC 7377).
#include <fmt/format.h>

#include <algorithm>

#include "protocols/imap/command_table.h"
#include "protocols/imap/mailbox_name.h"
#include "protocols/imap/message_limit.h"
#include "protocols/imap/notifier.h"
#include "protocols/imap/search_run.h"
#include "protocols/imap/sharing.h"

namespace hauspost::imap {
namespace {

bool names_saved(const SearchKey& key) {
  return key.set.saved || std::ranges::any_of(key.keys, names_saved);
}

// Why this cannot be searched for there; nullopt: it can.
std::optional<Reply> refusal(const Session& session, const MultiSearchRequest& request) {
  const bool selected =
      request.sources.empty() || std::ranges::any_of(request.sources, &MailboxFilter::is_selected);
  if (selected && session.state() != State::kSelected) return bad("No mailbox selected");
  const bool alone = std::ranges::all_of(request.sources, &MailboxFilter::is_selected);
  // Section 2.1: numbers mean one mailbox, and so does what is saved.
  if (!alone && (request.search.names_sequence || names_saved(request.search.key)))
    return bad("Sequence numbers and $ are of the selected mailbox alone");
  if (!alone && request.search.extended->save) return bad("SAVE is for the selected mailbox alone");
  return search_refusal(session, request.search);
}

bool is_source(Session& session, const MultiSearchRequest& request, const store::Folder& folder) {
  const bool selected = session.is_selected(folder.id);
  if (request.sources.empty()) return selected;
  return std::ranges::any_of(request.sources, [&](const MailboxFilter& source) {
    return source.is_selected() ? selected : filter_matches(source, watched_name(session, folder));
  });
}

Task<Result<SearchFound>> search_in(Session& session, SearchKey& key, const store::Folder& folder) {
  if (session.is_selected(folder.id)) co_return co_await run_search(session, key);
  const std::vector<std::uint32_t> uids = session.snapshot().uids(folder.id);
  co_return co_await search_folder(session, key, folder, uids, nullptr, message_limit(session));
}

// Section 2.1: each mailbox that has any answers for itself.
void write_found(Session& session, const SearchRequest& request, const store::Folder& folder,
                 std::span<const SearchHit> hits) {
  if (hits.empty() || !wants_answer(*request.extended)) return;
  const std::string correlator =
      fmt::format("TAG \"{}\" MAILBOX {} UIDVALIDITY {}", session.tag(),
                  quoted_mailbox(folder.path, session.dialect().utf8), folder.uid_validity);
  write_esearch(session.out().text(), correlator, request, hits);
}

}  // namespace

Task<Result<Reply>> cmd_esearch(Session& session, Command& command) {
  auto& request = std::get<MultiSearchRequest>(command.arguments);
  SearchRequest& search = request.search;
  if (auto no_way = refusal(session, request)) co_return *std::move(no_way);
  if (search.extended->partial) {
    if (auto too_many = partial_refusal(session, *search.extended->partial))
      co_return *std::move(too_many);
  }
  if (search.names_modseq) session.enable_condstore();
  std::vector<store::Folder> folders = visible_folders(session);
  const auto is_selected = [&](const store::Folder& folder) {
    return session.is_selected(folder.id);
  };
  // What may be read without being looked up is in no list.
  if (session.state() == State::kSelected && std::ranges::none_of(folders, is_selected)) {
    if (auto folder = visible_folder(session, session.view().folder(), store::kMayRead))
      folders.push_back(*std::move(folder));
  }
  std::erase_if(folders, [&](const store::Folder& folder) {
    return folder.id == store::FolderId() || !is_source(session, request, folder) ||
           (rights_on(session, folder) & store::kMayRead) == 0;
  });
  // No UID says where several mailboxes were left off.
  if (const std::uint64_t limit = message_limit(session); limit != 0 && folders.size() > 1) {
    std::uint64_t messages = 0;
    for (const store::Folder& folder : folders) messages += folder.messages;
    if (messages > limit) co_return over_limit(session, {}, "Too many messages to search");
  }
  std::size_t unreadable = 0;
  std::optional<store::Uid> cut_at;
  for (std::size_t i = 0; i < folders.size(); ++i) {
    CO_TRY_ASSIGN(const SearchFound found, co_await search_in(session, search.key, folders[i]));
    unreadable += found.unreadable;
    cut_at = found.cut_at;
    write_found(session, search, folders[i], found.hits);
    if (search.extended->save)
      session.view().save(found.unreadable > 0 ? store::UidSet()
                                               : saved_of(*search.extended, found.hits));
    CO_TRY(co_await session.breathe(i + 1, folders.size()));
  }
  Reply reply;
  if (unreadable > 0) reply = no("CORRUPTION", "Some messages cannot be read");
  tell_limit(session, reply, cut_at);
  co_return reply;
}

}  // namespace hauspost::imap
