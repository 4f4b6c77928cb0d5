// SearchPlan: a SEARCH key made ready for one folder: keywords are bits, sets are resolved, needles
// are folded, and cheap keys stand before dear ones.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "protocols/imap/command.h"
#include "store/search/answer.h"

namespace hauspost::imap {

enum class SearchCost : std::uint8_t { kIndex, kHeader, kText };

struct SearchPlan {
  SearchOp op = SearchOp::kAll;  // keywords have become kHasFlags, kLacksFlags, kAll or kNot
  SearchCost cost = SearchCost::kIndex;
  store::FlagBits flags = 0;
  std::int32_t day = 0;
  std::uint64_t number = 0;
  std::string field;   // of the header keys; the id of kEmailId
  std::string needle;  // folded
  store::UidSet set;
  std::vector<SearchPlan> keys;  // by rising cost
  const store::SearchAnswer* answer = nullptr;  // of the search index; owned by SearchAnswers
};

// `uids` as in SearchEvaluator::View. Recurses as deep as the parser let the key be.
SearchPlan plan_search(const SearchKey& key, const store::Folder& folder,
                       std::span<const std::uint32_t> uids);

// The sequence numbers outside which nothing can match: what UID and sequence sets of a top-level
// AND leave.
store::UidSet search_candidates(const SearchPlan& plan, std::span<const std::uint32_t> uids);

}  // namespace hauspost::imap
