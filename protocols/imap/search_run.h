// Runs a search over the selected mailbox: what SORT and THREAD begin with.
#pragma once

#include <vector>

#include "protocols/imap/search_evaluator.h"
#include "protocols/imap/session_core.h"

namespace hauspost::imap {

struct SearchFound {
  std::vector<SearchHit> hits;  // by rising sequence number
  std::size_t unreadable = 0;   // messages whose bytes a key needed and could not have
  std::optional<store::Uid> cut_at;  // the lowest UID looked at, when not all might be (RFC 9738)
};

// In slices, with other sessions in between; of as many messages as one command may process. "$" in
// `key` is replaced by what it stands for. Errors: the client is gone.
Task<Result<SearchFound>> run_search(Session& session, SearchKey& key);

// The same over any folder, of which this client knows `uids`; `recent` may be null. At most
// `messages_max` of them are looked at, the latest; 0: all. REQUIRES: all outlive the task, and "$"
// is not in `key`.
Task<Result<SearchFound>> search_folder(Session& session, const SearchKey& key,
                                        const store::Folder& folder,
                                        std::span<const std::uint32_t> uids,
                                        const store::UidSet* recent,
                                        std::uint64_t messages_max = 0);

// "* ESEARCH (correlator) ..." CRLF. REQUIRES: `request` is extended.
void write_esearch(std::string& out, std::string_view correlator, const SearchRequest& request,
                   std::span<const SearchHit> hits);
// SAVE with nothing else asks for no answer (RFC 5182 section 2.1).
bool wants_answer(const SearchReturn& wanted);
// What "$" stands for from now on (RFC 5182 section 2.4, RFC 9394 section 3.2).
store::UidSet saved_of(const SearchReturn& wanted, std::span<const SearchHit> hits);

// The mod-sequence that goes with an answer: of all hits, or of those alone that MIN and MAX name
// (RFC 4731 section 3.2, RFC 7162 section 3.1.10). `wanted` may be null. REQUIRES: hits in the
// order of the answer, not empty.
std::uint64_t modseq_told(std::span<const SearchHit> hits, const SearchReturn* wanted);

// Replaces "$" wherever it stands in `key` by the UIDs it stands for (RFC 5182).
void resolve_saved(SearchKey& key, const store::UidSet& saved);

// Why this client may not ask for that; nullopt: it may.
std::optional<Reply> search_refusal(const Session& session, const SearchRequest& request);

}  // namespace hauspost::imap
