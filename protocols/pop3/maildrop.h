// Maildrop: the messages of an inbox as one session numbers them, and those it wants deleted. Eight
// bytes a message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/types.h"
#include "store/uid_set.h"

namespace hauspost::pop3 {

enum class SortOrder : std::uint8_t { kOldestFirst, kNewestFirst };

class Maildrop {
 public:
  Maildrop(std::uint32_t uid_validity, SortOrder order)
      : uid_validity_(uid_validity), order_(order) {}

  // REQUIRES: rising UIDs, no mark yet.
  void add(store::Uid uid, std::uint32_t bytes);

  // Numbers run from 1 to size(), whatever is marked.
  std::uint32_t size() const { return static_cast<std::uint32_t>(messages_.size()); }
  // Of what is not marked.
  std::uint32_t count() const { return count_; }
  std::uint64_t bytes() const { return bytes_; }

  struct Message {
    store::Uid uid;
    std::uint32_t bytes = 0;
  };
  // nullopt: no such number, or marked.
  std::optional<Message> find(std::uint32_t number) const;
  // False: no such number, or marked already.
  bool mark(std::uint32_t number);
  void unmark_all();
  store::UidSet marked() const;

  // RFC 1939 section 7: of one message for ever, and of no other in this mailbox. Sixteen
  // hexadecimal digits.
  std::string unique_id(store::Uid uid) const;

 private:
  std::size_t index_of(std::uint32_t number) const;

  std::uint32_t uid_validity_;
  SortOrder order_;
  std::vector<Message> messages_;  // rising UIDs
  std::vector<bool> marked_;       // by index; empty while none is
  std::uint32_t count_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace hauspost::pop3
