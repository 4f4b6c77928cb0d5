// LIST patterns (RFC 3501 section 6.3.8): "*" stands for anything, "%" for anything but the
// hierarchy separator.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hauspost::imap {

// Matching takes one step a byte of the path, whatever the pattern: all positions of the pattern
// that may come next are followed at once.
class ListPattern {
 public:
  explicit ListPattern(std::string_view pattern);

  bool matches(std::string_view path) const;

 private:
  static constexpr std::size_t kWordBits = 64;
  using Bits =
      std::vector<std::uint64_t>;  // one bit a position of the pattern, and one for its end

  void close_over_wildcards(Bits& at) const;

  std::string pattern_;  // runs of wildcards made one
  std::size_t words_ = 1;
  Bits literal_[256];  // positions that hold this byte; empty: none
  Bits stars_;         // positions of "*"
  Bits percents_;
};

}  // namespace hauspost::imap
