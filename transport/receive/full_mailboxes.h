// FullMailboxes: which mailboxes said of late that they are full or nearly so. Asking a store
// worker at every RCPT would cost every message a call; these few are asked.
#pragma once

#include <unordered_set>

#include "base/ids.h"

namespace hauspost::transport {

// REQUIRES: one thread. Forgotten with the process: a mailbox is noted again with the next message.
class FullMailboxes {
 public:
  static constexpr std::size_t kMax = 10'000;

  void note(const Guid& mailbox, bool nearly_full) {
    if (!nearly_full) {
      mailboxes_.erase(mailbox);
      return;
    }
    if (mailboxes_.size() >= kMax) mailboxes_.clear();
    mailboxes_.insert(mailbox);
  }
  bool contains(const Guid& mailbox) const { return mailboxes_.contains(mailbox); }

 private:
  std::unordered_set<Guid> mailboxes_;
};

}  // namespace hauspost::transport
