#include "protocols/imap/search_evaluator.h"

#include <algorithm>

#include "protocols/imap/search_answers.h"
#include "protocols/imap/search_candidate.h"
#include "protocols/imap/search_key_plan.h"

namespace hauspost::imap {

class SearchEvaluator::Impl {
 public:
  Impl(const SearchKey& key, View view)
      : view_(std::move(view)),
        plan_(plan_search(key, view_.folder, view_.uids)),
        candidates_(search_candidates(plan_, view_.uids)) {
    cut();
    if (done()) return;
    next_ = candidates_.ranges()[0].first;
    const std::uint64_t mean_bytes =
        view_.folder.bytes / std::max<std::uint64_t>(1, view_.folder.messages);
    if (view_.runs && mean_bytes * candidates_.count() > view_.read_bytes_max)
      answers_.emplace(plan_, view_.runs);
  }
  // The answers point into the plan.
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  bool look_up() { return answers_ && answers_->step(kLookUpBytes); }

  bool step(const store::Snapshot& snapshot, std::size_t messages) {
    std::size_t bytes_left = kSliceBytesMax;
    while (!done() && messages > 0 && bytes_left > 0) {
      const std::uint32_t last = candidates_.ranges()[range_].last;
      const auto count =
          static_cast<std::uint32_t>(std::min<std::uint64_t>(messages, last - next_ + 1ULL));
      messages -= count;
      search(snapshot, next_ + count - 1, bytes_left);
      if (next_ > last && ++range_ < candidates_.ranges().size()) {
        next_ = candidates_.ranges()[range_].first;
      }
    }
    return !done();
  }

  std::span<const SearchHit> hits() const { return hits_; }
  std::size_t unreadable() const { return unreadable_; }
  std::optional<store::Uid> cut_at() const { return cut_at_; }

 private:
  // Keeps of the candidates as many as may be looked at, from the end.
  void cut() {
    if (view_.messages_max == 0 || candidates_.count() <= view_.messages_max) return;
    store::UidSet latest;
    std::uint64_t left = view_.messages_max;
    const auto ranges = candidates_.ranges();
    for (std::size_t i = ranges.size(); left > 0; --i) {
      const store::UidRange range = ranges[i - 1];
      const std::uint64_t count = std::min<std::uint64_t>(left, range.last - range.first + 1ULL);
      latest.add({static_cast<std::uint32_t>(range.last - count + 1), range.last});
      left -= count;
    }
    candidates_ = std::move(latest);
    cut_at_ = store::Uid(view_.uids[candidates_.ranges()[0].first - 1]);
  }

  bool done() const { return range_ == candidates_.ranges().size(); }

  // Looks at positions next_ to `last` and moves next_ behind what it looked at.
  void search(const store::Snapshot& snapshot, std::uint32_t last, std::size_t& bytes_left) {
    const store::UidRange range{view_.uids[next_ - 1], view_.uids[last - 1]};
    std::uint32_t position = next_;
    bool stopped = false;
    const auto visit = [&](const store::Message& message) {
      // Messages the session does not show yet have no sequence number.
      while (position < last && view_.uids[position - 1] < message.uid.value) ++position;
      if (view_.uids[position - 1] != message.uid.value) return true;
      const std::size_t bytes = consider(snapshot, message, position);
      bytes_left -= std::min(bytes_left, bytes);
      stopped = bytes_left == 0;
      return !stopped;
    };
    snapshot.for_each_message(view_.folder.id, range, visit);
    next_ = (stopped ? position : last) + 1;
  }

  // Returns how many bytes of the body were read for it.
  std::size_t consider(const store::Snapshot& snapshot, const store::Message& message,
                       std::uint32_t sequence) {
    const bool recent = view_.recent != nullptr && view_.recent->contains(message.uid.value);
    SearchCandidate candidate(snapshot, message, {sequence, recent, view_.now_s});
    const bool matches = candidate.matches(plan_);
    if (candidate.unreadable()) {
      ++unreadable_;
    } else if (matches) {
      hits_.push_back({sequence, message.uid, message.modseq});
    }
    return candidate.bytes_read();
  }

  View view_;
  SearchPlan plan_;
  std::optional<SearchAnswers> answers_;
  store::UidSet candidates_;  // sequence numbers
  std::size_t range_ = 0;     // in candidates_
  std::uint32_t next_ = 0;    // sequence number within that range
  std::vector<SearchHit> hits_;
  std::size_t unreadable_ = 0;
  std::optional<store::Uid> cut_at_;
};

SearchEvaluator::SearchEvaluator(const SearchKey& key, View view)
    : impl_(std::make_unique<Impl>(key, std::move(view))) {}
SearchEvaluator::~SearchEvaluator() = default;
SearchEvaluator::SearchEvaluator(SearchEvaluator&&) noexcept = default;
SearchEvaluator& SearchEvaluator::operator=(SearchEvaluator&&) noexcept = default;

bool SearchEvaluator::look_up() { return impl_->look_up(); }
bool SearchEvaluator::step(const store::Snapshot& snapshot, std::size_t messages) {
  return impl_->step(snapshot, messages);
}
std::span<const SearchHit> SearchEvaluator::hits() const { return impl_->hits(); }
std::optional<store::Uid> SearchEvaluator::cut_at() const { return impl_->cut_at(); }
std::size_t SearchEvaluator::unreadable() const { return impl_->unreadable(); }

}  // namespace hauspost::imap
