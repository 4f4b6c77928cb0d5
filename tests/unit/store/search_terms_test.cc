#include <catch2/catch.hpp>

#include <random>

#include "store/search/postings.h"
#include "store/search/terms.h"

namespace hauspost::store {
namespace {

std::string terms_of(std::string_view text) {
  std::string out;
  for_each_term(text, [&](std::string_view term) {
    if (!out.empty()) out += '|';
    out += term;
  });
  return out;
}

std::string query_of(std::string_view needle) {
  const TermQuery query = term_query(needle);
  std::string out;
  for (const TermPattern& pattern : query.patterns) {
    if (!out.empty()) out += ' ';
    out += (pattern.at_start ? "<" : "") + pattern.text + (pattern.at_end ? ">" : "");
  }
  if (query.exact) out += " exact";
  if (query.within_term) out += " within";
  return out;
}

TEST_CASE("search terms: words, joiners, pairs and separators") {
  CHECK(terms_of("").empty());
  CHECK(terms_of("one two") == "one|two| ");
  CHECK(terms_of("joe@example.com, end. next") == "joe@example.com|end|next| |,|.|@");
  CHECK(terms_of("a..b -c- d_e") == "a|b|c|d_e| |-|.|_");
  CHECK(terms_of("gr\u00fc\u00dfe\u2014ja") == "gr\u00fc\u00dfe|ja");
  CHECK(terms_of("\u4f1a") == "\u4f1a");
  CHECK(terms_of("x\u4f1a\u8b70\u5ba4y") == "x|\u4f1a\u8b70|\u8b70\u5ba4|y");
}

TEST_CASE("search terms: a long word is cut into pieces that overlap") {
  std::string word;
  for (int i = 0; word.size() < 500; ++i) word += std::to_string(i);
  std::vector<std::string> pieces;
  for_each_term(word, [&](std::string_view term) { pieces.emplace_back(term); });
  for (std::size_t at = 0; at + kTermOverlap <= word.size(); ++at) {
    const std::string part = word.substr(at, kTermOverlap);
    INFO(part);
    CHECK(std::ranges::any_of(
        pieces, [&](const std::string& piece) { return piece.find(part) != std::string::npos; }));
  }
  for (const std::string& piece : pieces) CHECK(piece.size() <= kTermBytesMax);
}

TEST_CASE("search terms: what a needle asks for") {
  CHECK(query_of("word") == "word exact");
  CHECK(query_of("example.com") == "example.com exact");
  CHECK(query_of("two words") == "two> < > <words");
  CHECK(query_of(" word") == "< > <word");
  CHECK(query_of("@example") == "<@> example within");
  CHECK(query_of("end.") == "end <.> within");
  CHECK(query_of("end. ") == "end> <.> < >");
  CHECK(query_of("@") == "<@> exact");
  CHECK(query_of("\u4f1a\u8b70") == "\u4f1a\u8b70 exact");
  CHECK(query_of("\u4f1a\u8b70\u5ba4") == "\u4f1a\u8b70 \u8b70\u5ba4");
  CHECK(query_of("a\u4f1a") == "a> \u4f1a");
  CHECK(query_of("\u2014").empty());
}

// Characters that meet each other in every way.
std::string random_text(std::mt19937_64& random, std::size_t length) {
  static const std::vector<std::string> kCharacters = {
      "a", "b",      "1",      " ",      ".",      "@",      "-",
      ",", "\u00fc", "\u0301", "\u4f1a", "\u8b70", "\u2014", "\U0001f600"};
  std::string text;
  for (std::size_t i = 0; i < length; ++i) text += kCharacters[random() % kCharacters.size()];
  return text;
}

bool matches(std::string_view term, const TermPattern& pattern) {
  const std::size_t at = pattern.at_start ? 0
                         : pattern.at_end && term.size() >= pattern.text.size()
                             ? term.size() - pattern.text.size()
                             : term.find(pattern.text);
  return at <= term.size() && term.substr(at).starts_with(pattern.text) &&
         (!pattern.at_end || at + pattern.text.size() == term.size());
}

TEST_CASE("search terms: every part of a text finds its terms, and exact needles nothing else") {
  const std::uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    const std::string text = random_text(random, 1 + random() % 30);
    const std::string other = random_text(random, 1 + random() % 30);
    std::size_t first = random() % text.size();
    while (first > 0 && (static_cast<unsigned char>(text[first]) & 0xc0) == 0x80) --first;
    std::size_t last = first + 1 + random() % (text.size() - first);
    while (last < text.size() && (static_cast<unsigned char>(text[last]) & 0xc0) == 0x80) ++last;
    const std::string needle = text.substr(first, last - first);
    const TermQuery query = term_query(needle);
    const auto has = [](const std::string& in, const auto& wanted) {
      bool found = false;
      for_each_term(in, [&](std::string_view term) { found = found || wanted(term); });
      return found;
    };
    for (const TermPattern& pattern : query.patterns) {
      if (!has(text, [&](std::string_view term) { return matches(term, pattern); }))
        FAIL("'" << text << "' has no term for '" << pattern.text << "' of '" << needle << "'");
    }
    if (!query.exact) continue;
    const bool claimed =
        has(other, [&](std::string_view term) { return matches(term, query.patterns.front()); });
    if (claimed != (other.find(needle) != std::string::npos))
      FAIL("'" << other << "' is wrong about '" << needle << "'");
  }
}

TEST_CASE("search postings: both forms, and damage") {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::uint32_t> documents;
    const std::uint32_t step = 1 + random() % 300;
    for (std::uint32_t at = random() % 50; documents.size() < 1 + random() % 200;
         at += 1 + random() % step)
      documents.push_back(at);
    std::string bytes;
    put_postings(bytes, documents);
    bytes += "rest";
    std::string_view rest = bytes;
    const auto postings = take_postings(rest);
    REQUIRE(postings);
    CHECK(rest == "rest");
    DocumentSet set(documents.back() + 1);
    REQUIRE(add_postings(set, *postings));
    CHECK(set.count() == documents.size());
    std::vector<std::uint32_t> back;
    REQUIRE(append_postings(back, *postings, 5, documents.back() + 1));
    for (std::uint32_t& document : back) document -= 5;
    CHECK(back == documents);
    DocumentSet small(documents.back());
    CHECK_FALSE(add_postings(small, *postings));
    back.clear();
    CHECK_FALSE(append_postings(back, *postings, 0, documents.back()));
  }
  std::string_view cut = "\x09\x01";
  CHECK_FALSE(take_postings(cut));
  std::string_view endless = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
  CHECK_FALSE(take_postings(endless));
}

}  // namespace
}  // namespace hauspost::store
