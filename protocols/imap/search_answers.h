// SearchAnswers: what the store's search index says to the keys of a SEARCH plan. A key it answers
// needs the message itself only where the index does not know.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "protocols/imap/search_key_plan.h"
#include "store/search/lookup.h"

namespace hauspost::imap {

class SearchAnswers {
 public:
  // Memory of one SEARCH's answers; keys beyond it are answered by reading.
  static constexpr std::size_t kBytesMax = 64 << 20;

  // Gathers the keys of `plan`, into which the answers go. REQUIRES: it neither moves nor changes
  // until the last step and does not outlive this object.
  SearchAnswers(SearchPlan& plan, std::shared_ptr<const store::SearchRuns> runs);

  // Reads about `bytes` of the index. True: there is more to do.
  bool step(std::size_t bytes);

 private:
  void gather(SearchPlan& plan);

  const std::shared_ptr<const store::SearchRuns> runs_;
  std::vector<SearchPlan*> waiting_;
  std::size_t next_ = 0;  // in waiting_
  std::optional<store::SearchLookup> lookup_;
  std::deque<store::SearchAnswer> answers_;  // stay where they are: plans point to them
};

}  // namespace hauspost::imap
