#include "protocols/imap/search_key_plan.h"

#include <algorithm>

#include "base/text.h"
#include "store/mime/message.h"

namespace hauspost::imap {

namespace {

SearchCost cost_of(SearchOp op) {
  switch (op) {
    case SearchOp::kEmailId:
    case SearchOp::kSentBefore:
    case SearchOp::kSentOn:
    case SearchOp::kSentSince:
    case SearchOp::kFrom:
    case SearchOp::kTo:
    case SearchOp::kCc:
    case SearchOp::kBcc:
    case SearchOp::kSubject:
    case SearchOp::kHeader: return SearchCost::kHeader;
    case SearchOp::kBody:
    case SearchOp::kText: return SearchCost::kText;
    default: return SearchCost::kIndex;
  }
}

std::string field_of(const SearchKey& key) {
  switch (key.op) {
    case SearchOp::kFrom: return "from";
    case SearchOp::kTo: return "to";
    case SearchOp::kCc: return "cc";
    case SearchOp::kBcc: return "bcc";
    case SearchOp::kSubject: return "subject";
    case SearchOp::kEmailId: return key.text;
    default: return key.field;
  }
}

// A keyword the folder does not know is on no message.
void plan_keyword(SearchPlan& plan, const SearchKey& key, const store::Folder& folder) {
  const bool wanted = key.op == SearchOp::kHasKeyword;
  for (std::size_t i = 0; i < folder.keywords.size(); ++i) {
    if (!iequals(folder.keywords[i], key.text)) continue;
    plan.op = wanted ? SearchOp::kHasFlags : SearchOp::kLacksFlags;
    plan.flags = store::FlagBits{1} << (static_cast<std::size_t>(store::kFirstKeywordBit) + i);
    return;
  }
  plan.op = SearchOp::kAll;
  if (!wanted) return;
  plan.op = SearchOp::kNot;
  plan.keys.emplace_back();
}

// The positions, from 1, of the UIDs in `set`.
store::UidSet positions_of(const store::UidSet& set, std::span<const std::uint32_t> uids) {
  store::UidSet positions;
  for (const store::UidRange range : set.ranges()) {
    const auto first = std::ranges::lower_bound(uids, range.first);
    const auto last = std::ranges::upper_bound(uids, range.last);
    if (first == last) continue;
    positions.add({static_cast<std::uint32_t>(first - uids.begin() + 1),
                   static_cast<std::uint32_t>(last - uids.begin())});
  }
  return positions;
}

store::UidSet intersection(const store::UidSet& a, const store::UidSet& b) {
  store::UidSet both;
  auto left = a.ranges().begin();
  auto right = b.ranges().begin();
  while (left != a.ranges().end() && right != b.ranges().end()) {
    const std::uint32_t first = std::max(left->first, right->first);
    const std::uint32_t last = std::min(left->last, right->last);
    if (first <= last) both.add({first, last});
    if (left->last < right->last) {
      ++left;
    } else {
      ++right;
    }
  }
  return both;
}

}  // namespace

SearchPlan plan_search(const SearchKey& key, const store::Folder& folder,
                       std::span<const std::uint32_t> uids) {
  SearchPlan plan;
  plan.op = key.op;
  plan.cost = cost_of(key.op);
  plan.flags = key.flags;
  plan.day = key.day;
  plan.number = key.number;
  plan.field = field_of(key);
  plan.needle = mime::fold(key.text);
  if (key.op == SearchOp::kHasKeyword || key.op == SearchOp::kLacksKeyword) {
    plan_keyword(plan, key, folder);
  } else if (key.op == SearchOp::kUid) {
    plan.set = key.set.resolve(uids.empty() ? 0 : uids.back());
  } else if (key.op == SearchOp::kUidAfter || key.op == SearchOp::kUidBefore) {
    plan.op = SearchOp::kUid;
    const auto uid = static_cast<std::uint32_t>(key.number);
    if (key.op == SearchOp::kUidBefore && uid > 1) plan.set.add({1, uid - 1});
    if (key.op == SearchOp::kUidAfter && uid < UINT32_MAX) plan.set.add({uid + 1, UINT32_MAX});
  } else if (key.op == SearchOp::kSequence) {
    plan.set = key.set.resolve(static_cast<std::uint32_t>(uids.size()));
  }
  for (const SearchKey& inner : key.keys) {
    plan.keys.push_back(plan_search(inner, folder, uids));
    plan.cost = std::max(plan.cost, plan.keys.back().cost);
  }
  std::ranges::sort(plan.keys, {}, &SearchPlan::cost);
  return plan;
}

store::UidSet search_candidates(const SearchPlan& plan, std::span<const std::uint32_t> uids) {
  if (uids.empty()) return {};
  store::UidSet all({{1, static_cast<std::uint32_t>(uids.size())}});
  if (plan.op == SearchOp::kUid) return intersection(all, positions_of(plan.set, uids));
  if (plan.op == SearchOp::kSequence) return intersection(all, plan.set);
  if (plan.op != SearchOp::kAnd) return all;
  for (const SearchPlan& key : plan.keys) {
    if (key.op != SearchOp::kUid && key.op != SearchOp::kSequence && key.op != SearchOp::kAnd) {
      continue;
    }
    all = intersection(all, search_candidates(key, uids));
  }
  return all;
}

}  // namespace hauspost::imap
