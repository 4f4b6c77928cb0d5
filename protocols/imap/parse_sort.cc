// Arguments of SORT and THREAD (RFC 5256, DISPLAYFROM and DISPLAYTO: RFC 5957, RETURN: RFC 5267).
#include <algorithm>

#include "protocols/imap/parse_rules.h"

namespace hauspost::imap {
namespace {

struct KeyWord {
  std::string_view word;
  SortKey key;
};
constexpr KeyWord kKeyWords[] = {
    {"ARRIVAL", SortKey::kArrival},
    {"CC", SortKey::kCc},
    {"DATE", SortKey::kDate},
    {"DISPLAYFROM", SortKey::kDisplayFrom},
    {"DISPLAYTO", SortKey::kDisplayTo},
    {"FROM", SortKey::kFrom},
    {"SIZE", SortKey::kSize},
    {"SUBJECT", SortKey::kSubject},
    {"TO", SortKey::kTo},
};

// sort-criterion: ["REVERSE" SP] sort-key.
Parsed<> sort_criterion(Cursor& in, std::vector<SortCriterion>& criteria) {
  TRY_ASSIGN(std::string word, in.keyword());
  SortCriterion criterion;
  criterion.reverse = word == "REVERSE";
  if (criterion.reverse) {
    TRY(in.space());
    TRY_ASSIGN(word, in.keyword());
  }
  const auto* const found = std::ranges::find(kKeyWords, word, &KeyWord::word);
  if (found == std::ranges::end(kKeyWords)) return in.bad("unknown sort criterion");
  criterion.key = found->key;
  // What compares equal by a key does so the second time too.
  if (std::ranges::find(criteria, criterion.key, &SortCriterion::key) == criteria.end())
    criteria.push_back(criterion);
  return {};
}

}  // namespace

Parsed<Arguments> parse_sort(Cursor& in, bool uid) {
  SortRequest sort;
  sort.search.uid = uid;
  if (in.accept_text("RETURN ")) {
    TRY_ASSIGN(sort.search.extended, parse_search_return(in));
    // RFC 5267 section 3.1 and RFC 5182 section 2.1 give SORT no other options.
    if (sort.search.extended->save || sort.search.extended->partial)
      return in.bad("unknown sort result option");
    TRY(in.space());
  }
  TRY(in.list(1, [&] { return sort_criterion(in, sort.criteria); }));
  TRY(in.space());
  TRY(parse_search_criteria(in, sort.search));
  return sort;
}

Parsed<Arguments> parse_thread(Cursor& in, bool uid) {
  ThreadRequest thread;
  thread.search.uid = uid;
  TRY_ASSIGN(const std::string algorithm, in.keyword());
  if (algorithm == "ORDEREDSUBJECT") {
    thread.algorithm = ThreadAlgorithm::kOrderedSubject;
  } else if (algorithm != "REFERENCES") {
    return in.bad("unknown threading algorithm");
  }
  TRY(in.space());
  TRY(parse_search_criteria(in, thread.search));
  return thread;
}

}  // namespace hauspost::imap
