#include "protocols/imap/search_run.h"

#include <algorithm>

#include "protocols/imap/message_limit.h"
#include "store/search/search_index.h"

namespace hauspost::imap {
namespace {

constexpr std::size_t kSliceMessages = 500;

}  // namespace

std::uint64_t modseq_told(std::span<const SearchHit> hits, const SearchReturn* wanted) {
  if (wanted != nullptr && !wanted->all && !wanted->count && !wanted->partial &&
      (wanted->min || wanted->max)) {
    const std::uint64_t first = wanted->min ? hits.front().modseq.value : 0;
    const std::uint64_t last = wanted->max ? hits.back().modseq.value : 0;
    return std::max(first, last);
  }
  return std::ranges::max_element(hits, {}, &SearchHit::modseq)->modseq.value;
}

void resolve_saved(SearchKey& key, const store::UidSet& saved) {
  if (key.set.saved) {
    key.op = SearchOp::kUid;
    key.set = {};
    for (const store::UidRange range : saved.ranges())
      key.set.ranges.push_back({range.first, range.last});
  }
  for (SearchKey& inner : key.keys) resolve_saved(inner, saved);
}

std::optional<Reply> search_refusal(const Session& session, const SearchRequest& request) {
  const Dialect& dialect = session.dialect();
  if (dialect.uid_only && request.names_sequence) return uid_required();
  // RFC 6855 section 3; IMAP4rev2 alone does not forbid it.
  if (dialect.utf8_accept && request.names_charset) return bad("CHARSET after ENABLE UTF8=ACCEPT");
  return std::nullopt;
}

Task<Result<SearchFound>> run_search(Session& session, SearchKey& key) {
  const MailboxView& view = session.view();
  resolve_saved(key, view.saved());
  const auto folder = session.snapshot().folder(view.folder());
  if (!folder) co_return SearchFound{};  // the news after the command say so
  co_return co_await search_folder(session, key, *folder, view.uids(), &view.recent(),
                                   message_limit(session));
}

Task<Result<SearchFound>> search_folder(Session& session, const SearchKey& key,
                                        const store::Folder& folder,
                                        std::span<const std::uint32_t> uids,
                                        const store::UidSet* recent,
                                        std::uint64_t messages_max) {
  SearchFound found;
  const std::int64_t now_s =
      std::chrono::floor<Seconds>(session.services().clock.now()).time_since_epoch().count();
  const store::SearchIndex* const index = session.database().search();
  SearchEvaluator search(key, {.folder = folder,
                               .uids = uids,
                               .recent = recent,
                               .now_s = now_s,
                               .runs = index != nullptr ? index->runs() : nullptr,
                               .messages_max = messages_max});
  while (search.look_up()) CO_TRY(co_await session.breathe());
  while (search.step(session.snapshot(), kSliceMessages))
    CO_TRY(co_await session.breathe());
  found.hits.assign(search.hits().begin(), search.hits().end());
  found.unreadable = search.unreadable();
  found.cut_at = search.cut_at();
  co_return found;
}

}  // namespace hauspost::imap
