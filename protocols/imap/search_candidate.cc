#include "protocols/imap/search_candidate.h"

#include <algorithm>

#include "protocols/imap/object_id.h"
#include "store/mime/search_text.h"

namespace hauspost::imap {

namespace {

using store::SearchVerdict;

std::int32_t day_of(std::int64_t unix_s) {
  constexpr std::int64_t kDaySeconds = 86'400;
  const std::int64_t day = unix_s / kDaySeconds - (unix_s % kDaySeconds < 0 ? 1 : 0);
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(day, INT32_MIN, INT32_MAX));
}

}  // namespace

// What can be said without the message's bytes.
SearchVerdict SearchCandidate::verdict(const SearchPlan& plan) const {
  if (plan.answer != nullptr) return plan.answer->of(message_.body);
  if (plan.op == SearchOp::kAnd || plan.op == SearchOp::kOr || plan.op == SearchOp::kNot) {
    // AND ends at the first key that does not match, OR at one that does; NOT is "none of these".
    const SearchVerdict ends =
        plan.op == SearchOp::kAnd ? SearchVerdict::kNo : SearchVerdict::kYes;
    bool unknown = false;
    for (const SearchPlan& key : plan.keys) {
      const SearchVerdict inner = verdict(key);
      if (inner == ends) return plan.op == SearchOp::kOr ? SearchVerdict::kYes : SearchVerdict::kNo;
      unknown = unknown || inner == SearchVerdict::kUnknown;
    }
    if (unknown) return SearchVerdict::kUnknown;
    return plan.op == SearchOp::kOr ? SearchVerdict::kNo : SearchVerdict::kYes;
  }
  if (plan.cost != SearchCost::kIndex) return SearchVerdict::kUnknown;
  return index_matches(plan) ? SearchVerdict::kYes : SearchVerdict::kNo;
}

bool SearchCandidate::look(const SearchPlan& plan) {
  const auto inner = [this](const SearchPlan& key) { return matches(key); };
  switch (plan.op) {
    case SearchOp::kAnd: return std::ranges::all_of(plan.keys, inner);
    case SearchOp::kOr: return std::ranges::any_of(plan.keys, inner);
    case SearchOp::kNot: return std::ranges::none_of(plan.keys, inner);
    case SearchOp::kSentBefore:
    case SearchOp::kSentOn:
    case SearchOp::kSentSince: return sent_matches(plan);
    case SearchOp::kFrom:
    case SearchOp::kTo:
    case SearchOp::kCc:
    case SearchOp::kBcc:
    case SearchOp::kSubject:
    case SearchOp::kHeader: return field_matches(plan);
    case SearchOp::kBody:
    case SearchOp::kText: return text_matches(plan);
    case SearchOp::kEmailId: return email_id_matches(plan);
    default: return index_matches(plan);
  }
}

bool SearchCandidate::index_matches(const SearchPlan& plan) const {
  const std::int64_t age_s = facts_.now_s - message_.internal_date_s;
  const auto interval_s = static_cast<std::int64_t>(
      std::min<std::uint64_t>(plan.number, static_cast<std::uint64_t>(INT64_MAX)));
  switch (plan.op) {
    case SearchOp::kAll: return true;
    case SearchOp::kHasFlags: return (message_.flags & plan.flags) == plan.flags;
    case SearchOp::kLacksFlags: return (message_.flags & plan.flags) == 0;
    case SearchOp::kRecent: return facts_.recent;
    case SearchOp::kSequence: return plan.set.contains(facts_.sequence);
    case SearchOp::kUid: return plan.set.contains(message_.uid.value);
    case SearchOp::kBefore: return day_of(message_.internal_date_s) < plan.day;
    case SearchOp::kOn: return day_of(message_.internal_date_s) == plan.day;
    case SearchOp::kSince: return day_of(message_.internal_date_s) >= plan.day;
    case SearchOp::kSavedBefore: return day_of(message_.save_date_s) < plan.day;
    case SearchOp::kSavedOn: return day_of(message_.save_date_s) == plan.day;
    case SearchOp::kSavedSince: return day_of(message_.save_date_s) >= plan.day;
    case SearchOp::kLarger: return message_.size > plan.number;
    case SearchOp::kSmaller: return message_.size < plan.number;
    case SearchOp::kOlder: return age_s >= interval_s;
    case SearchOp::kYounger: return age_s <= interval_s;
    case SearchOp::kModSeq: return message_.modseq.value >= plan.number;
    default: return false;
  }
}

bool SearchCandidate::sent_matches(const SearchPlan& plan) {
  if (!sent_) {
    const auto raw = mime::header_field(header(), "date");
    sent_ = raw ? mime::parse_date_header(*raw) : std::nullopt;
  }
  if (!*sent_) return false;
  const std::int32_t day = (*sent_)->day;
  if (plan.op == SearchOp::kSentBefore) return day < plan.day;
  return plan.op == SearchOp::kSentOn ? day == plan.day : day >= plan.day;
}

bool SearchCandidate::field_matches(const SearchPlan& plan) {
  MessageBody* const message = body();
  if (message == nullptr) return false;
  const mime::Summary* const summary = readable(message->summary());
  if (summary == nullptr) return false;
  if (const auto folded = mime::folded_field(*summary, plan.field)) {
    bytes_read_ += folded->size();
    return plan.needle.empty() ? !folded->empty()
                               : memmem(folded->data(), folded->size(), plan.needle.data(),
                                        plan.needle.size()) != nullptr;
  }
  const auto contains = [&plan](const std::string& value) {
    return mime::field_contains(plan.field, value, plan.needle);
  };
  return std::ranges::any_of(mime::header_fields(header(), plan.field), contains);
}

bool SearchCandidate::text_matches(const SearchPlan& plan) {
  bytes_read_ += bytes().size();
  return mime::body_contains(bytes(), plan.needle, plan.op == SearchOp::kText);
}

bool SearchCandidate::email_id_matches(const SearchPlan& plan) {
  MessageBody* const message = body();
  if (message == nullptr) return false;
  const std::string_view hash = readable(message->content_hash());
  return !unreadable_ && email_id(hash) == plan.field;
}

MessageBody* SearchCandidate::body() {
  if (!body_) {
    auto opened = MessageBody::open(snapshot_, message_.body);
    unreadable_ = !opened;
    body_.emplace();
    if (opened) *body_ = *std::move(opened);
  }
  return *body_ ? &**body_ : nullptr;
}

std::string_view SearchCandidate::bytes() {
  MessageBody* const message = body();
  return message == nullptr ? std::string_view() : readable(message->bytes());
}

std::string_view SearchCandidate::header() {
  MessageBody* const message = body();
  if (header_.empty() && message != nullptr) {
    header_ = readable(message->header());
    bytes_read_ += header_.size();
  }
  return header_;
}

}  // namespace hauspost::imap
