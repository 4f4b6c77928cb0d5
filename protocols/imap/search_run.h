// Runs a search over the selected mailbox: what SORT and THREAD begin with.
#pragma once

#include <vector>

#include "protocols/imap/search_evaluator.h"
#include "protocols/imap/session_core.h"

namespace hauspost::imap {

struct SearchFound {
  std::vector<SearchHit> hits;  // by rising sequence number
  std::size_t unreadable = 0;   // messages whose bytes a key needed and could not have
};

// In slices, with other sessions in between. "$" in `key` is replaced by what it stands for.
// Errors: the client is gone.
Task<Result<SearchFound>> run_search(Session& session, SearchKey& key);

// The mod-sequence that goes with an answer: of all hits, or of those alone that MIN and MAX name
// (RFC 4731 section 3.2, RFC 7162 section 3.1.10). `wanted` may be null. REQUIRES: hits in the
// order of the answer, not empty.
std::uint64_t modseq_told(std::span<const SearchHit> hits, const SearchReturn* wanted);

// Replaces "$" wherever it stands in `key` by the UIDs it stands for (RFC 5182).
void resolve_saved(SearchKey& key, const store::UidSet& saved);

// Why this client may not ask for that; nullopt: it may.
std::optional<Reply> search_refusal(const Session& session, const SearchRequest& request);

}  // namespace hauspost::imap
