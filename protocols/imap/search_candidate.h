// SearchCandidate: one message under evaluation. What keys need of its body is read once, and only
// when a key asks.
#pragma once

#include <optional>
#include <string_view>

#include "protocols/imap/message_body.h"
#include "protocols/imap/search_key_plan.h"

namespace hauspost::imap {

class SearchCandidate {
 public:
  struct Facts {
    std::uint32_t sequence = 0;
    bool recent = false;
    std::int64_t now_s = 0;
  };
  // REQUIRES: `snapshot` and `message` outlive it.
  SearchCandidate(const store::Snapshot& snapshot, const store::Message& message, Facts facts)
      : snapshot_(snapshot), message_(message), facts_(facts) {}

  bool matches(const SearchPlan& plan) {
    const store::SearchVerdict known = verdict(plan);
    return known == store::SearchVerdict::kUnknown ? look(plan)
                                                   : known == store::SearchVerdict::kYes;
  }
  // A key needed the body and it could not be read.
  bool unreadable() const { return unreadable_; }
  // Of the body: what the keys had to look at.
  std::size_t bytes_read() const { return bytes_read_; }

 private:
  store::SearchVerdict verdict(const SearchPlan& plan) const;
  bool look(const SearchPlan& plan);
  bool index_matches(const SearchPlan& plan) const;
  bool sent_matches(const SearchPlan& plan);
  bool field_matches(const SearchPlan& plan);
  bool text_matches(const SearchPlan& plan);
  bool email_id_matches(const SearchPlan& plan);
  // nullptr, or empty: unreadable.
  MessageBody* body();
  std::string_view bytes();
  std::string_view header();
  template <class T>
  T readable(Result<T> result) {
    if (result) return *std::move(result);
    unreadable_ = true;
    return T{};
  }

  const store::Snapshot& snapshot_;
  const store::Message& message_;
  Facts facts_;
  std::optional<std::optional<MessageBody>> body_;  // outer: opened already
  std::string_view header_;
  std::optional<std::optional<mime::DateHeader>> sent_;  // outer: asked already
  std::size_t bytes_read_ = 0;
  bool unreadable_ = false;
};

}  // namespace hauspost::imap
