// ItemFilter: which items an administrator means, "sender ~ @example.net and size > 10K".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace hauspost::transport {

struct QueueItem;

// Conditions joined by "and". Fields: id, queue, sender, recipient, message, state, error (text:
// = != ~, where ~ is "contains"; case does not matter), size (bytes, K, M or G), age (s, m, h or
// d), attempts, priority (numbers: = != < > <= >=). A text with spaces stands in double quotes.
class ItemFilter {
 public:
  // An empty text lets everything through. kInvalid: says what is wrong with it.
  static Result<ItemFilter> parse(std::string_view text);

  bool matches(const QueueItem& item, WallTime now) const;
  bool empty() const { return conditions_.empty(); }

 private:
  enum class Field : std::uint8_t {
    kId,
    kQueue,
    kSender,
    kRecipient,
    kMessage,
    kState,
    kError,
    kSize,
    kAge,
    kAttempts,
    kPriority
  };
  enum class Relation : std::uint8_t {
    kEqual,
    kDiffers,
    kContains,
    kLess,
    kMore,
    kAtMost,
    kAtLeast
  };
  struct Condition {
    Field field = Field::kId;
    Relation relation = Relation::kEqual;
    std::string text;  // lower case
    std::int64_t number = 0;
  };
  struct FieldName;
  static const FieldName* field_named(std::string_view name);
  static bool holds_text(const Condition& condition, std::string_view value);
  static bool holds_number(const Condition& condition, std::int64_t value);
  static bool holds(const Condition& condition, const QueueItem& item, WallTime now);

  std::vector<Condition> conditions_;
};

}  // namespace hauspost::transport
