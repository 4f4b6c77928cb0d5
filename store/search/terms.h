// Terms: what the search index keeps of a folded text, and what it asks for a needle.
//
// A word is a longest run of letters and digits; a joiner (". @ - _") between two of them belongs
// to it, so that addresses, host names and numbers are one word. Scripts written without spaces
// give each pair of neighbouring characters instead (a single character when it stands alone).
// Words longer than kTermBytesMax are cut into pieces that overlap by kTermOverlap. Each ASCII
// separator that occurs is a term of its own, so that a needle without letters has one too.
//
// What a character is never depends on anything but the character and its two neighbours: a needle
// is cut as the text around it was, its own ends apart.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hauspost::store {

inline constexpr std::size_t kTermBytesMax = 128;
inline constexpr std::size_t kTermOverlap = 32;

// Calls `take` with each term, also with those it gave before. Views into `folded`, or into storage
// of its own that lives for the call.
void for_each_term(std::string_view folded, const std::function<void(std::string_view)>& take);

// How a needle is found among terms. Every text that contains the needle has, for each pattern, a
// term that matches it.
struct TermPattern {
  std::string text;
  bool at_start = false;  // the term begins with it
  bool at_end = false;    // the term ends with it
};
struct TermQuery {
  std::vector<TermPattern> patterns;  // empty: nothing is known of the needle
  // The needle lies within one term wherever it lies in a text: the pattern's terms are all there
  // is to find. Otherwise a text with all patterns may still not contain the needle.
  bool exact = false;
  // Not exact, but a term may contain the whole needle; a text with such a term contains it too.
  bool within_term = false;
};
// REQUIRES: `folded_needle` is not empty.
TermQuery term_query(std::string_view folded_needle);

}  // namespace hauspost::store
