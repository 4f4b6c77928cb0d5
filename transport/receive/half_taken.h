// HalfTaken: messages that some mailboxes have and that were refused for now all the same, because
// they could be kept nowhere for the others. When the client sends one again, it is delivered under
// the id of the first time: a mailbox takes an id once.
#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/crypto/mac.h"
#include "base/ids.h"

namespace hauspost::transport {

// REQUIRES: one thread. Forgotten with the process.
class HalfTaken {
 public:
  static constexpr std::size_t kMax = 1000;
  static constexpr Seconds kKept{48 * 3600};

  // What was refused is known again by who sent it and its bytes.
  void note(std::string_view sender, std::string_view message, const Guid& delivery, WallTime now) {
    std::string key = key_of(sender, message);
    std::erase_if(known_, [&](const Known& one) { return one.key == key; });
    if (known_.size() >= kMax) known_.pop_front();
    known_.push_back({std::move(key), delivery, now});
  }
  // nullopt: it is new. What was found is forgotten: note() it again if it is refused again.
  std::optional<Guid> take(std::string_view sender, std::string_view message, WallTime now) {
    if (known_.empty()) return std::nullopt;
    const auto found = std::ranges::find(known_, key_of(sender, message), &Known::key);
    if (found == known_.end()) return std::nullopt;
    const Known one = std::move(*found);
    known_.erase(found);
    if (one.since + kKept < now) return std::nullopt;
    return one.delivery;
  }

 private:
  struct Known {
    std::string key;
    Guid delivery;
    WallTime since;
  };
  static std::string key_of(std::string_view sender, std::string_view message) {
    return crypto::hash(crypto::Digest::kSha256, sender) +
           crypto::hash(crypto::Digest::kSha256, message);
  }

  std::deque<Known> known_;
};

}  // namespace hauspost::transport
