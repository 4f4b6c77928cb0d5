// SEARCH and UID SEARCH (RFC 3501 section 6.4.4, ESEARCH: RFC 4731, SAVE: RFC 5182, MODSEQ: RFC
// 7162, PARTIAL: RFC 9394).
#include <fmt/format.h>

#include <algorithm>

#include "protocols/imap/command_table.h"
#include "protocols/imap/message_limit.h"
#include "protocols/imap/search_run.h"
#include "protocols/imap/uid_text.h"

namespace hauspost::imap {
namespace {

std::uint32_t number_of(const SearchHit& hit, bool uid) {
  return uid ? hit.uid.value : hit.sequence;
}

void write_search(std::string& out, const SearchRequest& request, std::span<const SearchHit> hits) {
  out += "* SEARCH";
  for (const SearchHit& hit : hits)
    fmt::format_to(std::back_inserter(out), " {}", number_of(hit, request.uid));
  if (request.names_modseq && !hits.empty())
    out += fmt::format(" (MODSEQ {})", modseq_told(hits, nullptr));
  out += "\r\n";
}

std::string numbers_text(const SearchRequest& request, std::span<const SearchHit> hits) {
  store::UidSet all;
  for (const SearchHit& hit : hits) all.add(number_of(hit, request.uid));
  return set_text(all);
}

std::span<const SearchHit> part_of(std::span<const SearchHit> hits, const PartialRange& range) {
  const PartialRange::Slice slice = range.of(hits.size());
  return hits.subspan(slice.begin, slice.end - slice.begin);
}

// RFC 9394 section 3.1: the range as it was asked for, and NIL when nothing is there.
std::string partial_text(const SearchRequest& request, std::span<const SearchHit> hits) {
  const PartialRange& range = *request.extended->partial;
  const std::string_view sign = range.from_end ? "-" : "";
  const auto part = part_of(hits, range);
  return fmt::format("{}{}:{}{} {}", sign, range.first, sign, range.last,
                     part.empty() ? "NIL" : numbers_text(request, part));
}

}  // namespace

void write_esearch(std::string& out, std::string_view correlator, const SearchRequest& request,
                   std::span<const SearchHit> hits) {
  const SearchReturn& wanted = *request.extended;
  out += fmt::format("* ESEARCH ({})", correlator);
  if (request.uid) out += " UID";
  if (wanted.min && !hits.empty())
    out += fmt::format(" MIN {}", number_of(hits.front(), request.uid));
  if (wanted.max && !hits.empty())
    out += fmt::format(" MAX {}", number_of(hits.back(), request.uid));
  if (wanted.all && !hits.empty()) out += fmt::format(" ALL {}", numbers_text(request, hits));
  if (wanted.partial) out += fmt::format(" PARTIAL ({})", partial_text(request, hits));
  if (wanted.count) out += fmt::format(" COUNT {}", hits.size());
  if (request.names_modseq && !hits.empty())
    out += fmt::format(" MODSEQ {}", modseq_told(hits, &wanted));
  out += "\r\n";
}

bool wants_answer(const SearchReturn& wanted) {
  return wanted.min || wanted.max || wanted.all || wanted.count || wanted.partial;
}

store::UidSet saved_of(const SearchReturn& wanted, std::span<const SearchHit> hits) {
  store::UidSet saved;
  const bool some = wanted.min || wanted.max || wanted.partial;
  if (wanted.all || wanted.count || !some) {
    for (const SearchHit& hit : hits) saved.add(hit.uid.value);
    return saved;
  }
  if (hits.empty()) return saved;
  if (wanted.partial) {
    for (const SearchHit& hit : part_of(hits, *wanted.partial)) saved.add(hit.uid.value);
  }
  if (wanted.min) saved.add(hits.front().uid.value);
  if (wanted.max) saved.add(hits.back().uid.value);
  return saved;
}

Task<Result<Reply>> cmd_search(Session& session, Command& command) {
  auto& request = std::get<SearchRequest>(command.arguments);
  // RFC 9051 section 6.4.4: ESEARCH is the only answer there, of everything when nothing is named.
  if (session.dialect().rev2 && !request.extended) request.extended = SearchReturn{.all = true};
  if (auto refusal = search_refusal(session, request)) co_return *std::move(refusal);
  if (request.extended && request.extended->partial) {
    if (auto refusal = partial_refusal(session, *request.extended->partial))
      co_return *std::move(refusal);
  }
  if (request.names_modseq) session.enable_condstore();
  CO_TRY_ASSIGN(const SearchFound found, co_await run_search(session, request.key));
  std::string& out = session.out().text();
  if (!request.extended) {
    write_search(out, request, found.hits);
  } else if (wants_answer(*request.extended)) {
    write_esearch(out, fmt::format("TAG \"{}\"", session.tag()), request, found.hits);
  }
  if (request.extended && request.extended->save)
    session.view().save(found.unreadable > 0 ? store::UidSet()
                                             : saved_of(*request.extended, found.hits));
  Reply reply;
  if (found.unreadable > 0) reply = no("CORRUPTION", "Some messages cannot be read");
  tell_limit(session, reply, found.cut_at);
  co_return reply;
}

}  // namespace hauspost::imap
