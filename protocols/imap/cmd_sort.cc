// SORT and UID SORT (RFC 5256, RFC 5957, RETURN: RFC 5267).
#include <fmt/format.h>

#include "protocols/imap/command_table.h"
#include "protocols/imap/hit_walk.h"
#include "protocols/imap/message_limit.h"
#include "protocols/imap/search_run.h"
#include "protocols/imap/sort_table.h"
#include "protocols/imap/stepwise_sort.h"
#include "protocols/imap/uid_text.h"

namespace hauspost::imap {
namespace {

// Comparing two subjects takes some 50 ns.
constexpr std::size_t kSliceMoves = 5'000;

std::uint32_t number_of(const SearchHit& hit, bool uid) {
  return uid ? hit.uid.value : hit.sequence;
}

// The hits in the order asked for. Errors: the client is gone.
Task<Result<std::vector<SearchHit>>> sorted(Session& session, const SortRequest& request,
                                            std::span<const SearchHit> hits) {
  SortTable table(request.criteria);
  const auto add = [&table](const HitMessage& message) {
    table.add(message.message, message.envelope);
    return true;
  };
  HitWalk walk(hits, table.needs_envelope() ? HitParts::kEnvelope : HitParts::kNothing, add);
  while (walk.step(session.snapshot(), session.view().folder()))
    CO_TRY(co_await session.breathe(walk.done(), hits.size()));
  const auto less = [&table](std::uint32_t a, std::uint32_t b) { return table.less(a, b); };
  StepwiseSort sort(table.rows(), less);
  while (sort.step(kSliceMoves)) CO_TRY(co_await session.breathe(hits.size(), hits.size()));
  std::vector<SearchHit> in_order;
  in_order.reserve(table.rows());
  for (const std::uint32_t row : sort.order()) in_order.push_back(hits[walk.hit_of(row)]);
  co_return in_order;
}

Task<Result<>> write_sort(Session& session, const SearchRequest& request,
                          std::span<const SearchHit> hits) {
  std::string& out = session.out().text();
  out += "* SORT";
  for (const SearchHit& hit : hits) {
    fmt::format_to(std::back_inserter(out), " {}", number_of(hit, request.uid));
    if (session.out().full()) CO_TRY(co_await session.let_others_run());
  }
  if (request.names_modseq && !hits.empty())
    out += fmt::format(" (MODSEQ {})", modseq_told(hits, nullptr));
  out += "\r\n";
  co_return Result<>{};
}

// "ALL" in the order of the sort: a run is a range only when it rises (RFC 5267 section 3.2).
void write_esort(std::string& out, std::string_view tag, const SearchRequest& request,
                 std::span<const SearchHit> hits) {
  const SearchReturn& wanted = *request.extended;
  out += fmt::format("* ESEARCH (TAG \"{}\"){}", tag, request.uid ? " UID" : "");
  if (wanted.min && !hits.empty())
    out += fmt::format(" MIN {}", number_of(hits.front(), request.uid));
  if (wanted.max && !hits.empty())
    out += fmt::format(" MAX {}", number_of(hits.back(), request.uid));
  if (wanted.all && !hits.empty()) {
    std::vector<store::Uid> numbers;
    numbers.reserve(hits.size());
    for (const SearchHit& hit : hits) numbers.emplace_back(number_of(hit, request.uid));
    out += fmt::format(" ALL {}", set_text(std::span<const store::Uid>(numbers)));
  }
  if (wanted.count) out += fmt::format(" COUNT {}", hits.size());
  if (request.names_modseq && !hits.empty())
    out += fmt::format(" MODSEQ {}", modseq_told(hits, &wanted));
  out += "\r\n";
}

}  // namespace

Task<Result<Reply>> cmd_sort(Session& session, Command& command) {
  auto& request = std::get<SortRequest>(command.arguments);
  if (auto refusal = search_refusal(session, request.search)) co_return *std::move(refusal);
  if (request.search.names_modseq) session.enable_condstore();
  CO_TRY_ASSIGN(const SearchFound found, co_await run_search(session, request.search.key));
  if (found.cut_at) co_return over_limit(session, {}, "Too many messages to sort");
  CO_TRY_ASSIGN(const auto hits, co_await sorted(session, request, found.hits));
  if (request.search.extended) {
    write_esort(session.out().text(), session.tag(), request.search, hits);
  } else {
    CO_TRY(co_await write_sort(session, request.search, hits));
  }
  if (found.unreadable > 0) co_return no("CORRUPTION", "Some messages cannot be read");
  co_return Reply{};
}

}  // namespace hauspost::imap
