// StepwiseSort: a stable merge sort that can be left and taken up again, so that ordering a million
// messages does not hold up everybody else.
#pragma once

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace hauspost::imap {

// Orders the numbers 0 to count - 1. `Less` compares two of them; equal ones stay in order.
template <class Less>
class StepwiseSort {
 public:
  StepwiseSort(std::size_t count, Less less)
      : less_(std::move(less)), order_(count), other_(count) {
    std::iota(order_.begin(), order_.end(), std::uint32_t{0});
  }

  // Places about `moves` elements. True: there is more to do.
  bool step(std::size_t moves) {
    for (std::size_t moved = 0; moved < moves && !done();) moved += next();
    return !done();
  }
  // REQUIRES: step() returned false.
  std::span<const std::uint32_t> order() const { return order_; }

 private:
  static constexpr std::size_t kRun = 64;

  bool done() const { return width_ >= order_.size() && width_ >= kRun; }

  // Sorts or merges the next stretch, or goes on with a long merge.
  std::size_t next() {
    const std::size_t size = order_.size();
    if (width_ == 0) {
      const std::size_t end = std::min(begin_ + kRun, size);
      const auto at = order_.begin();
      // What stands here is still in its first order: the numbers themselves break ties.
      std::sort(at + static_cast<std::ptrdiff_t>(begin_), at + static_cast<std::ptrdiff_t>(end),
                [this](std::uint32_t a, std::uint32_t b) {
                  return less_(a, b) || (a < b && !less_(b, a));
                });
      const std::size_t count = end - begin_;
      begin_ = end;
      if (begin_ >= size) start_pass(kRun);
      return count;
    }
    if (left_ == begin_ && right_ == 0) right_ = std::min(begin_ + width_, size);
    const std::size_t middle = std::min(begin_ + width_, size);
    const std::size_t end = std::min(begin_ + 2 * width_, size);
    std::size_t count = 0;
    for (; out_ < end && count < kRun; ++count) {
      // From the right only what is less: equal ones keep their order.
      const bool right = left_ == middle || (right_ < end && less_(order_[right_], order_[left_]));
      other_[out_++] = order_[right ? right_++ : left_++];
    }
    if (out_ == end) {
      begin_ = left_ = end;
      right_ = 0;
      if (begin_ >= size) {
        std::swap(order_, other_);
        start_pass(2 * width_);
      }
    }
    return count;
  }

  void start_pass(std::size_t width) {
    width_ = width;
    begin_ = left_ = right_ = out_ = 0;
  }

  Less less_;
  std::vector<std::uint32_t> order_;
  std::vector<std::uint32_t> other_;
  std::size_t width_ = 0;  // of what is in order so far; 0: the first runs are being made
  std::size_t begin_ = 0;  // of the two stretches being merged
  std::size_t left_ = 0;
  std::size_t right_ = 0;  // 0: not begun
  std::size_t out_ = 0;
};

}  // namespace hauspost::imap
