#include "protocols/imap/list_pattern.h"

#include "store/types.h"

namespace hauspost::imap {
namespace {

bool is_wildcard(char c) { return c == '*' || c == '%'; }

// "**", "*%" and "%*" mean "*"; "%%" means "%".
std::string merge_wildcards(std::string_view pattern) {
  std::string out;
  for (const char c : pattern) {
    if (is_wildcard(c) && !out.empty() && is_wildcard(out.back())) {
      if (c == '*') out.back() = '*';
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

ListPattern::ListPattern(std::string_view pattern) : pattern_(merge_wildcards(pattern)) {
  words_ = pattern_.size() / kWordBits + 1;
  stars_.assign(words_, 0);
  percents_.assign(words_, 0);
  for (std::size_t i = 0; i < pattern_.size(); ++i) {
    const std::uint64_t bit = std::uint64_t{1} << i % kWordBits;
    if (pattern_[i] == '*') {
      stars_[i / kWordBits] |= bit;
    } else if (pattern_[i] == '%') {
      percents_[i / kWordBits] |= bit;
    } else {
      Bits& positions = literal_[static_cast<std::uint8_t>(pattern_[i])];
      if (positions.empty()) positions.assign(words_, 0);
      positions[i / kWordBits] |= bit;
    }
  }
}

// A wildcard may stand for nothing, so the position behind it is reached too. One pass is enough:
// no two wildcards are neighbours.
void ListPattern::close_over_wildcards(Bits& at) const {
  std::uint64_t carry = 0;
  for (std::size_t w = 0; w < words_; ++w) {
    const std::uint64_t wild = at[w] & (stars_[w] | percents_[w]);
    at[w] |= wild << 1 | carry;
    carry = wild >> (kWordBits - 1);
  }
}

bool ListPattern::matches(std::string_view path) const {
  if (pattern_ == "*") return true;
  Bits at(words_, 0);
  at[0] = 1;
  close_over_wildcards(at);
  for (const char c : path) {
    const Bits& literal = literal_[static_cast<std::uint8_t>(c)];
    const bool separator = c == store::kHierarchySeparator;
    std::uint64_t carry = 0;
    std::uint64_t any = 0;
    for (std::size_t w = 0; w < words_; ++w) {
      const std::uint64_t stay = at[w] & (stars_[w] | (separator ? 0 : percents_[w]));
      const std::uint64_t step = literal.empty() ? 0 : at[w] & literal[w];
      at[w] = stay | step << 1 | carry;
      carry = step >> (kWordBits - 1);
      any |= at[w];
    }
    if (any == 0) return false;
    close_over_wildcards(at);
  }
  const std::size_t end = pattern_.size();
  return (at[end / kWordBits] >> end % kWordBits & 1) != 0;
}

}  // namespace hauspost::imap
