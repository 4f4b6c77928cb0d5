#include "store/search/merge.h"

namespace hauspost::store {

namespace {

// The terms of one zone of one run, in order.
class Source {
 public:
  Source(const SearchRun& run, SearchZone zone, std::uint32_t offset)
      : run_(&run), zone_(zone), offset_(offset) {}

  // False: behind the last.
  Result<bool> next() {
    while (text_.size() <= 1) {
      if (block_ == run_->blocks(zone_)) return false;
      TRY_ASSIGN(const RunBlock block, run_->block(zone_, block_++, true));
      text_ = block.text;
      postings_ = block.postings;
    }
    const std::size_t end = text_.find('\0', 1);
    const auto postings = take_postings(postings_);
    if (end == std::string_view::npos || !postings) return damaged();
    term_ = text_.substr(1, end - 1);
    current_ = *postings;
    text_.remove_prefix(end);
    return true;
  }

  std::string_view term() const { return term_; }
  Result<> append(std::vector<std::uint32_t>& documents) const {
    if (!append_postings(documents, current_, offset_, run_->span()))
      return fail(damaged().error());
    return {};
  }

 private:
  std::unexpected<Error> damaged() const {
    run_->mark_damaged();
    return fail(ErrorCode::kCorrupt,
                "search run " + std::to_string(run_->number()) + ": a block does not parse");
  }

  const SearchRun* run_;
  SearchZone zone_;
  std::uint32_t offset_;  // of the run's first body in the new run
  std::size_t block_ = 0;
  std::string_view text_;      // of the block, from the zero before the next term on
  std::string_view postings_;  // as above
  std::string_view term_;
  Postings current_;
};

class ZoneMerger {
 public:
  ZoneMerger(SearchZone zone, const DocumentSet& living, RunWriter& writer)
      : zone_(zone), living_(living), writer_(writer) {}

  Result<> open(const SearchRun& run, std::uint32_t offset) {
    Source source(run, zone_, offset);
    TRY_ASSIGN(const bool any, source.next());
    if (any) sources_.push_back(source);
    return {};
  }

  Result<> run(const std::function<Result<>()>& check) {
    for (std::size_t count = 0; !sources_.empty(); ++count) {
      if (count % kTermsBetweenChecks == 0) TRY(check());
      TRY(merge_term());
    }
    return {};
  }

 private:
  static constexpr std::size_t kTermsBetweenChecks = 4096;

  Result<> merge_term() {
    term_ = sources_.front().term();
    for (const Source& source : sources_) {
      if (source.term() < term_) term_ = source.term();
    }
    documents_.clear();
    for (std::size_t i = 0; i < sources_.size();) {
      if (sources_[i].term() != term_) {
        ++i;
        continue;
      }
      TRY(sources_[i].append(documents_));
      TRY_ASSIGN(const bool more, sources_[i].next());
      if (more) {
        ++i;
      } else {
        sources_.erase(sources_.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    std::erase_if(documents_,
                  [this](std::uint32_t document) { return !living_.contains(document); });
    if (documents_.empty()) return {};
    return writer_.add(zone_, term_, documents_);
  }

  SearchZone zone_;
  const DocumentSet& living_;
  RunWriter& writer_;
  std::vector<Source> sources_;  // in the order of their bodies
  std::string term_;
  std::vector<std::uint32_t> documents_;
};

}  // namespace

Result<> merge_runs(std::span<const std::shared_ptr<const SearchRun>> runs,
                    const DocumentSet& living, RunWriter& writer,
                    const std::function<Result<>()>& check) {
  const BodyId first = runs.front()->first();
  const auto offset_of = [first](const SearchRun& run) {
    return static_cast<std::uint32_t>(run.first().value - first.value);
  };
  for (std::size_t zone = 0; zone < kSearchZones; ++zone) {
    ZoneMerger merger(static_cast<SearchZone>(zone), living, writer);
    for (const auto& run : runs) TRY(merger.open(*run, offset_of(*run)));
    TRY(merger.run(check));
  }
  std::vector<std::uint32_t> partial;
  for (const auto& run : runs) {
    for (std::uint32_t i = 0; i < run->span(); ++i) {
      const std::uint32_t document = i + offset_of(*run);
      if (run->partial().contains(i) && living.contains(document)) partial.push_back(document);
    }
  }
  return writer.finish(first, runs.back()->end(), living.count(), partial);
}

}  // namespace hauspost::store
