// SEARCH and UID SEARCH (RFC 3501 section 6.4.4, ESEARCH: RFC 4731, MODSEQ: RFC 7162).
#include <fmt/format.h>

#include <algorithm>

#include "protocols/imap/command_table.h"
#include "protocols/imap/search_evaluator.h"
#include "protocols/imap/uid_text.h"
#include "store/search/search_index.h"

namespace hauspost::imap {
namespace {

constexpr std::size_t kSliceMessages = 500;

std::uint32_t number_of(const SearchHit& hit, bool uid) {
  return uid ? hit.uid.value : hit.sequence;
}

// The mod-sequence to tell: of all hits, or of those alone that MIN and MAX name (RFC 4731 section
// 3.2).
std::uint64_t modseq_told(std::span<const SearchHit> hits, const SearchReturn* wanted) {
  if (wanted != nullptr && !wanted->all && !wanted->count && (wanted->min || wanted->max)) {
    const std::uint64_t first = wanted->min ? hits.front().modseq.value : 0;
    const std::uint64_t last = wanted->max ? hits.back().modseq.value : 0;
    return std::max(first, last);
  }
  return std::ranges::max_element(hits, {}, &SearchHit::modseq)->modseq.value;
}

void write_search(std::string& out, const SearchRequest& request, std::span<const SearchHit> hits) {
  out += "* SEARCH";
  for (const SearchHit& hit : hits)
    fmt::format_to(std::back_inserter(out), " {}", number_of(hit, request.uid));
  if (request.names_modseq && !hits.empty())
    out += fmt::format(" (MODSEQ {})", modseq_told(hits, nullptr));
  out += "\r\n";
}

void write_esearch(std::string& out, std::string_view tag, const SearchRequest& request,
                   std::span<const SearchHit> hits) {
  const SearchReturn& wanted = *request.extended;
  out += fmt::format("* ESEARCH (TAG \"{}\")", tag);
  if (request.uid) out += " UID";
  if (wanted.min && !hits.empty())
    out += fmt::format(" MIN {}", number_of(hits.front(), request.uid));
  if (wanted.max && !hits.empty())
    out += fmt::format(" MAX {}", number_of(hits.back(), request.uid));
  if (wanted.all && !hits.empty()) {
    store::UidSet all;
    for (const SearchHit& hit : hits) all.add(number_of(hit, request.uid));
    out += fmt::format(" ALL {}", set_text(all));
  }
  if (wanted.count) out += fmt::format(" COUNT {}", hits.size());
  if (request.names_modseq && !hits.empty())
    out += fmt::format(" MODSEQ {}", modseq_told(hits, &wanted));
  out += "\r\n";
}

}  // namespace

Task<Result<Reply>> cmd_search(Session& session, Command& command) {
  const auto& request = std::get<SearchRequest>(command.arguments);
  if (request.names_modseq) session.enable_condstore();
  const MailboxView& view = session.view();
  const auto folder = session.database().snapshot().folder(view.folder());
  std::optional<SearchEvaluator> search;
  if (folder) {
    const std::int64_t now_s =
        std::chrono::floor<Seconds>(session.services().clock.now()).time_since_epoch().count();
    const store::SearchIndex* const index = session.database().search();
    search.emplace(request.key,
                   SearchEvaluator::View{*folder, view.uids(), &view.recent(), now_s,
                                         index != nullptr ? index->runs() : nullptr});
    while (search->look_up()) CO_TRY(co_await session.breathe());
    while (search->step(session.database().snapshot(), kSliceMessages))
      CO_TRY(co_await session.breathe());
  }
  const std::span<const SearchHit> hits = search ? search->hits() : std::span<const SearchHit>();
  std::string& out = session.out().text();
  if (request.extended) {
    write_esearch(out, session.tag(), request, hits);
  } else {
    write_search(out, request, hits);
  }
  if (search && search->unreadable() > 0)
    co_return no("CORRUPTION", "Some messages cannot be read");
  co_return Reply{};
}

}  // namespace hauspost::imap
