#include "protocols/pop3/maildrop.h"

#include <fmt/format.h>

namespace hauspost::pop3 {

void Maildrop::add(store::Uid uid, std::uint32_t bytes) {
  messages_.push_back({uid, bytes});
  ++count_;
  bytes_ += bytes;
}

// Beyond the last one when there is no such number.
std::size_t Maildrop::index_of(std::uint32_t number) const {
  if (number == 0 || number > messages_.size()) return messages_.size();
  return order_ == SortOrder::kOldestFirst ? number - 1 : messages_.size() - number;
}

std::optional<Maildrop::Message> Maildrop::find(std::uint32_t number) const {
  const std::size_t index = index_of(number);
  if (index == messages_.size() || (!marked_.empty() && marked_[index])) return std::nullopt;
  return messages_[index];
}

bool Maildrop::mark(std::uint32_t number) {
  const auto message = find(number);
  if (!message) return false;
  if (marked_.empty()) marked_.resize(messages_.size());
  marked_[index_of(number)] = true;
  --count_;
  bytes_ -= message->bytes;
  return true;
}

void Maildrop::unmark_all() {
  for (std::size_t i = 0; i < marked_.size(); ++i) {
    if (!marked_[i]) continue;
    ++count_;
    bytes_ += messages_[i].bytes;
  }
  marked_.clear();
}

store::UidSet Maildrop::marked() const {
  store::UidSet uids;
  for (std::size_t i = 0; i < marked_.size(); ++i) {
    if (marked_[i]) uids.add(messages_[i].uid.value);
  }
  return uids;
}

std::string Maildrop::unique_id(store::Uid uid) const {
  return fmt::format("{:08x}{:08x}", uid_validity_, uid.value);
}

}  // namespace hauspost::pop3
