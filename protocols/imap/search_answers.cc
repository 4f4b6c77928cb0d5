#include "protocols/imap/search_answers.h"

#include <array>

#include "base/text.h"
#include "store/mime/search_text.h"

namespace hauspost::imap {

namespace {

using store::SearchZone;

struct FieldZone {
  std::string_view field;
  SearchZone zone;
};
constexpr std::array<FieldZone, 5> kFieldZones = {{{"subject", SearchZone::kSubject},
                                                   {"from", SearchZone::kFrom},
                                                   {"to", SearchZone::kTo},
                                                   {"cc", SearchZone::kCc},
                                                   {"bcc", SearchZone::kBcc}}};

store::SearchLookup::Question field_question(const SearchPlan& plan) {
  for (const FieldZone& own : kFieldZones) {
    if (iequals(own.field, plan.field)) return {plan.needle, {own.zone}, false};
  }
  if (mime::holds_addresses(plan.field))
    return {plan.needle, {SearchZone::kHeader, SearchZone::kAddress}, true};
  return {plan.needle, {SearchZone::kHeader}, true};
}

// nullopt: a key that the index knows nothing of.
std::optional<store::SearchLookup::Question> question_of(const SearchPlan& plan) {
  if (plan.needle.empty()) return std::nullopt;
  switch (plan.op) {
    case SearchOp::kFrom:
    case SearchOp::kTo:
    case SearchOp::kCc:
    case SearchOp::kBcc:
    case SearchOp::kSubject:
    case SearchOp::kHeader: return field_question(plan);
    case SearchOp::kBody: return {{plan.needle, {SearchZone::kBody}, false}};
    case SearchOp::kText:
      return {{plan.needle, {SearchZone::kBody, SearchZone::kHeader}, false}};
    default: return std::nullopt;
  }
}

}  // namespace

SearchAnswers::SearchAnswers(SearchPlan& plan, std::shared_ptr<const store::SearchRuns> runs)
    : runs_(std::move(runs)) {
  gather(plan);
  const std::size_t bytes = store::SearchLookup::answer_bytes(*runs_) + sizeof(SearchPlan);
  waiting_.resize(std::min(waiting_.size(), kBytesMax / bytes));
}

void SearchAnswers::gather(SearchPlan& plan) {
  if (question_of(plan)) waiting_.push_back(&plan);
  for (SearchPlan& key : plan.keys) gather(key);
}

bool SearchAnswers::step(std::size_t bytes) {
  if (!lookup_) {
    if (next_ == waiting_.size()) return false;
    lookup_.emplace(runs_, *question_of(*waiting_[next_]));
  }
  if (lookup_->step(bytes)) return true;
  waiting_[next_++]->answer = &answers_.emplace_back(lookup_->take());
  lookup_.reset();
  return next_ < waiting_.size();
}

}  // namespace hauspost::imap
