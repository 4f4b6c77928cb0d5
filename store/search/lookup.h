// SearchLookup: puts one needle to the search index, in steps between which others may run.
#pragma once

#include <optional>
#include <string>

#include "store/search/answer.h"
#include "store/search/terms.h"

namespace hauspost::store {

// REQUIRES: one thread.
class SearchLookup {
 public:
  struct Question {
    std::string needle;             // folded, not empty
    std::vector<SearchZone> zones;  // in any of these
    // The zones hold more than is asked for: what they have may contain it, none does for certain.
    bool candidates_only = false;
  };
  SearchLookup(std::shared_ptr<const SearchRuns> runs, Question question);

  // Reads about `bytes` of the index. True: there is more to do.
  bool step(std::size_t bytes);
  // REQUIRES: step() has returned false; once.
  SearchAnswer take() { return SearchAnswer(std::move(parts_)); }

  // Memory that answers over these runs take.
  static std::size_t answer_bytes(const SearchRuns& runs);

 private:
  struct Scan {
    TermPattern pattern;
    bool certain = false;  // its terms contain the needle; else one of those that all must be there
  };
  void plan();
  void begin_run();
  void end_run();
  bool begin_scan();
  void seek_first_block();
  void end_scan();
  void scan_block();
  void scan_terms(const RunBlock& block);
  const SearchRun& run() const { return *runs_->runs[run_]; }
  SearchAnswer::Part& part() { return parts_.back(); }

  const std::shared_ptr<const SearchRuns> runs_;  // keeps them mapped
  const Question question_;
  std::vector<Scan> scans_;  // of each zone
  std::vector<SearchAnswer::Part> parts_;

  // Where it is.
  std::size_t run_ = 0;
  std::size_t zone_ = 0;  // in question_.zones
  std::size_t scan_ = 0;
  std::size_t block_ = 0;
  bool in_run_ = false;
  bool in_scan_ = false;
  bool run_failed_ = false;
  bool scan_over_ = false;
  std::size_t read_ = 0;            // bytes in this step
  std::string pattern_;             // as it stands in a block's text
  DocumentSet found_;               // of the scan
  std::optional<DocumentSet> all_;  // of the zone: documents with every pattern so far
};

}  // namespace hauspost::store
