#include "store/search/lookup.h"

#include <algorithm>
#include <cstring>

namespace hauspost::store {

namespace {

std::string in_text(const TermPattern& pattern) {
  std::string text;
  if (pattern.at_start) text += '\0';
  text += pattern.text;
  if (pattern.at_end) text += '\0';
  return text;
}

std::string_view first_term(const RunBlock& block) {
  return block.text.substr(1, block.text.find('\0', 1) - 1);
}

}  // namespace

SearchLookup::SearchLookup(std::shared_ptr<const SearchRuns> runs, Question question)
    : runs_(std::move(runs)), question_(std::move(question)) {
  plan();
}

std::size_t SearchLookup::answer_bytes(const SearchRuns& runs) {
  std::size_t bytes = 0;
  for (const auto& run : runs.runs) bytes += run->span() / 4;
  return bytes;
}

void SearchLookup::plan() {
  TermQuery query = term_query(question_.needle);
  if (query.exact) {
    scans_.push_back({std::move(query.patterns.front()), true});
    return;
  }
  if (query.within_term) scans_.push_back({{question_.needle, false, false}, true});
  // The longest are the rarest, about: when one finds nothing, the others need not be looked for.
  std::ranges::sort(query.patterns, std::ranges::greater(),
                    [](const TermPattern& pattern) { return pattern.text.size(); });
  for (TermPattern& pattern : query.patterns) scans_.push_back({std::move(pattern), false});
}

bool SearchLookup::step(std::size_t bytes) {
  read_ = 0;
  while (read_ < bytes) {
    if (in_scan_) {
      scan_block();
    } else if (in_run_) {
      if (!begin_scan()) end_run();
    } else if (run_ < runs_->runs.size()) {
      begin_run();
    } else {
      return false;
    }
  }
  return in_run_ || run_ < runs_->runs.size();
}

void SearchLookup::begin_run() {
  in_run_ = true;
  run_failed_ = run().damaged();
  zone_ = 0;
  scan_ = 0;
  all_.reset();
  parts_.push_back({run().first(), DocumentSet(run().span()), DocumentSet(run().span())});
  part().maybe |= run().partial();
}

void SearchLookup::end_run() {
  in_run_ = false;
  if (question_.candidates_only) {
    part().maybe |= part().yes;
    part().yes = DocumentSet(run().span());
  }
  if (run_failed_) {
    part().yes = DocumentSet(run().span());
    part().maybe.fill();
  }
  ++run_;
}

// Moves on to the next scan of the run; false when there is none.
bool SearchLookup::begin_scan() {
  if (run_failed_) return false;
  // A later pattern cannot bring back what an earlier one has excluded.
  while (all_ && all_->empty() && scan_ < scans_.size() && !scans_[scan_].certain) ++scan_;
  if (scan_ == scans_.size()) {
    if (all_) {
      part().maybe |= *all_;
    } else if (scans_.empty()) {
      part().maybe.fill();
    }
    all_.reset();
    scan_ = 0;
    ++zone_;
  }
  if (zone_ >= question_.zones.size() || scans_.empty()) return false;
  in_scan_ = true;
  scan_over_ = false;
  found_ = DocumentSet(run().span());
  pattern_ = in_text(scans_[scan_].pattern);
  block_ = 0;
  if (scans_[scan_].pattern.at_start) seek_first_block();
  return !run_failed_;
}

// Terms are sorted: those that begin alike are side by side.
void SearchLookup::seek_first_block() {
  const SearchZone zone = question_.zones[zone_];
  std::size_t behind = run().blocks(zone);
  while (block_ < behind) {
    const std::size_t middle = block_ + (behind - block_) / 2;
    const auto block = run().block(zone, middle, false);
    if (!block) {
      run_failed_ = true;
      in_scan_ = false;
      return;
    }
    if (first_term(*block) < scans_[scan_].pattern.text) {
      block_ = middle + 1;
    } else {
      behind = middle;
    }
  }
  if (block_ > 0) --block_;
}

void SearchLookup::end_scan() {
  in_scan_ = false;
  if (scans_[scan_].certain) {
    part().yes |= found_;
  } else if (all_) {
    *all_ &= found_;
  } else {
    all_ = std::move(found_);
  }
  ++scan_;
}

void SearchLookup::scan_block() {
  const SearchZone zone = question_.zones[zone_];
  if (scan_over_ || block_ == run().blocks(zone)) return end_scan();
  auto block = run().block(zone, block_, false);
  if (block) {
    read_ += block->text.size();
    const TermPattern& pattern = scans_[scan_].pattern;
    if (pattern.at_start && first_term(*block) > pattern.text &&
        !first_term(*block).starts_with(pattern.text))
      return end_scan();
    if (memmem(block->text.data(), block->text.size(), pattern_.data(), pattern_.size()) !=
        nullptr) {
      block = run().block(zone, block_, true);
      if (block) scan_terms(*block);
    }
  }
  ++block_;
  if (block && !run_failed_) return;
  run_failed_ = true;
  in_scan_ = false;
}

// Adds the documents of the block's terms that match.
void SearchLookup::scan_terms(const RunBlock& block) {
  const char* const begin = block.text.data();
  const char* const end = begin + block.text.size();
  const std::size_t term_offset = scans_[scan_].pattern.at_start ? 1 : 0;
  std::string_view postings = block.postings;
  const char* counted = begin;  // zeros before it are terms that `postings` is behind of
  std::ptrdiff_t zeros = 0;
  std::ptrdiff_t taken = 0;
  bool any = false;
  const char* from = begin;
  while (from < end) {
    const void* const match =
        memmem(from, static_cast<std::size_t>(end - from), pattern_.data(), pattern_.size());
    if (match == nullptr) break;
    const char* const inside = static_cast<const char*>(match) + term_offset;
    zeros += std::count(counted, inside, '\0');
    counted = inside;
    std::optional<Postings> found;
    while (taken < zeros) {
      found = take_postings(postings);
      if (!found) break;
      ++taken;
    }
    if (!found || !add_postings(found_, *found)) {
      run().mark_damaged();
      run_failed_ = true;
      return;
    }
    read_ += found->bytes.size();
    any = true;
    from =
        static_cast<const char*>(std::memchr(inside, '\0', static_cast<std::size_t>(end - inside)));
    if (from == nullptr) break;
  }
  if (any && found_.count() == run().documents()) scan_over_ = true;
}

}  // namespace hauspost::store
