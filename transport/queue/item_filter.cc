#include "transport/queue/item_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>

#include "base/text.h"
#include "transport/queue/queue.h"

namespace hauspost::transport {

namespace {

enum class Measure : std::uint8_t { kText, kBytes, kTime, kNumber };

// Words, operators and quoted texts, in their order.
Result<std::vector<std::string>> words_of(std::string_view text) {
  constexpr std::string_view kOperator = "=!<>~";
  constexpr std::size_t kCycle = 4;  // field, operator, value, "and"
  constexpr std::size_t kValueAt = 2;
  std::vector<std::string> words;
  std::size_t i = 0;
  while (i < text.size()) {
    if (text[i] == ' ' || text[i] == '\t') {
      ++i;
      continue;
    }
    if (text[i] == '"') {
      const std::size_t end = text.find('"', i + 1);
      if (end == text.npos) return fail(ErrorCode::kInvalid, "a quote is not closed");
      words.emplace_back(text.substr(i + 1, end - i - 1));
      i = end + 1;
      continue;
    }
    // A value may hold anything; an operator may stand close to what is around it.
    const bool is_value = words.size() % kCycle == kValueAt;
    const bool is_operator = kOperator.find(text[i]) != kOperator.npos;
    std::size_t end = i + 1;
    while (end < text.size() && text[end] != ' ' && text[end] != '\t' &&
           (is_value || (kOperator.find(text[end]) != kOperator.npos) == is_operator))
      ++end;
    words.emplace_back(text.substr(i, end - i));
    i = end;
  }
  return words;
}

std::optional<std::int64_t> with_unit(std::string_view text, Measure measure) {
  std::int64_t unit = 1;
  const bool negative = measure == Measure::kNumber && text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (!text.empty() && !is_digit(text.back())) {
    const char letter = ascii_lower(text.substr(text.size() - 1))[0];
    constexpr std::int64_t kKilo = 1024;
    constexpr std::pair<char, std::int64_t> kBytes[] = {
        {'k', kKilo}, {'m', kKilo * kKilo}, {'g', kKilo * kKilo * kKilo}};
    constexpr std::pair<char, std::int64_t> kTimes[] = {
        {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86'400}};
    const auto units = measure == Measure::kBytes ? std::span(kBytes)
                       : measure == Measure::kTime
                           ? std::span<const std::pair<char, std::int64_t>>(kTimes)
                           : std::span<const std::pair<char, std::int64_t>>();
    const auto found = std::ranges::find(units, letter, [](const auto& u) { return u.first; });
    if (found == units.end()) return std::nullopt;
    unit = found->second;
    text.remove_suffix(1);
  }
  const auto number = parse_u64(text);
  constexpr std::uint64_t kMost = 1ULL << 31;
  if (!number || *number > kMost) return std::nullopt;
  const auto value = static_cast<std::int64_t>(*number) * unit;
  return negative ? -value : value;
}

}  // namespace

struct ItemFilter::FieldName {
  std::string_view name;
  Field field;
  Measure measure;
};

const ItemFilter::FieldName* ItemFilter::field_named(std::string_view name) {
  static constexpr FieldName kFields[] = {
      {"id", Field::kId, Measure::kText},
      {"queue", Field::kQueue, Measure::kText},
      {"sender", Field::kSender, Measure::kText},
      {"recipient", Field::kRecipient, Measure::kText},
      {"message", Field::kMessage, Measure::kText},
      {"state", Field::kState, Measure::kText},
      {"error", Field::kError, Measure::kText},
      {"size", Field::kSize, Measure::kBytes},
      {"age", Field::kAge, Measure::kTime},
      {"attempts", Field::kAttempts, Measure::kNumber},
      {"priority", Field::kPriority, Measure::kNumber},
  };
  const auto* found = std::ranges::find(kFields, name, &FieldName::name);
  return found == std::end(kFields) ? nullptr : found;
}

Result<ItemFilter> ItemFilter::parse(std::string_view text) {
  static constexpr std::pair<std::string_view, Relation> kRelations[] = {
      {"=", Relation::kEqual},   {"!=", Relation::kDiffers}, {"~", Relation::kContains},
      {"<", Relation::kLess},    {">", Relation::kMore},     {"<=", Relation::kAtMost},
      {">=", Relation::kAtLeast}};
  constexpr std::size_t kWordsEach = 3;
  const auto wrong = [](std::string what) {
    return fail(ErrorCode::kInvalid, "filter: " + std::move(what));
  };
  const auto words = words_of(text);
  if (!words) return wrong(words.error().text);
  ItemFilter filter;
  for (std::size_t i = 0; i < words->size(); i += kWordsEach) {
    if (i > 0) {
      if (ascii_lower((*words)[i]) != "and")
        return wrong("\"and\" is missing before " + (*words)[i]);
      ++i;
    }
    if (words->size() - i < kWordsEach)
      return wrong("expects FIELD OPERATOR VALUE, for instance: sender ~ @example.net");
    const FieldName* field = field_named(ascii_lower((*words)[i]));
    if (!field) return wrong("no field is named " + (*words)[i]);
    const auto* relation =
        std::ranges::find(kRelations, (*words)[i + 1], [](const auto& r) { return r.first; });
    const bool is_text = field->measure == Measure::kText;
    if (relation == std::end(kRelations) || (is_text ? relation->second > Relation::kContains
                                                     : relation->second == Relation::kContains))
      return wrong(fmt::format("{} cannot be compared with {}", field->name, (*words)[i + 1]));
    Condition condition{field->field, relation->second, ascii_lower((*words)[i + 2])};
    if (!is_text) {
      const auto number = with_unit((*words)[i + 2], field->measure);
      if (!number) return wrong(fmt::format("{} is no {}", (*words)[i + 2], field->name));
      condition.number = *number;
    }
    filter.conditions_.push_back(std::move(condition));
  }
  return filter;
}

bool ItemFilter::holds_text(const Condition& condition, std::string_view value) {
  const std::string lower = ascii_lower(value);
  if (condition.relation == Relation::kContains)
    return lower.find(condition.text) != std::string::npos;
  return (lower == condition.text) == (condition.relation == Relation::kEqual);
}

bool ItemFilter::holds_number(const Condition& condition, std::int64_t value) {
  switch (condition.relation) {
    case Relation::kEqual: return value == condition.number;
    case Relation::kDiffers: return value != condition.number;
    case Relation::kLess: return value < condition.number;
    case Relation::kMore: return value > condition.number;
    case Relation::kAtMost: return value <= condition.number;
    case Relation::kAtLeast: return value >= condition.number;
    case Relation::kContains: break;
  }
  return false;
}

bool ItemFilter::holds(const Condition& condition, const QueueItem& item, WallTime now) {
  switch (condition.field) {
    case Field::kId: return holds_text(condition, item.id);
    case Field::kQueue: return holds_text(condition, item.queue);
    case Field::kSender: return holds_text(condition, item.sender.empty() ? "<>" : item.sender);
    case Field::kMessage: return holds_text(condition, item.message);
    case Field::kState: return holds_text(condition, to_string(item.state));
    case Field::kError: return holds_text(condition, item.last_error);
    case Field::kSize: return holds_number(condition, static_cast<std::int64_t>(item.bytes));
    case Field::kAttempts: return holds_number(condition, item.attempts);
    case Field::kPriority: return holds_number(condition, item.priority);
    case Field::kAge:
      return holds_number(condition, std::chrono::floor<Seconds>(now - item.received).count());
    case Field::kRecipient: break;
  }
  const auto is_it = [&](const std::string& address) { return holds_text(condition, address); };
  // "!=": none of them is it.
  return condition.relation == Relation::kDiffers ? std::ranges::all_of(item.recipients, is_it)
                                                  : std::ranges::any_of(item.recipients, is_it);
}

bool ItemFilter::matches(const QueueItem& item, WallTime now) const {
  return std::ranges::all_of(
      conditions_, [&](const Condition& condition) { return holds(condition, item, now); });
}

}  // namespace hauspost::transport
