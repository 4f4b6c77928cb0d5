// SearchCandidate: one message under evaluation. What keys need of its body is read once, and only
// when a key asks.
#pragma once

#include <optional>
#include <string_view>

#include "protocols/imap/search_key_plan.h"
#include "store/mime/message.h"
#include "store/snapshot.h"

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
  std::string_view bytes();
  std::string_view header();

  const store::Snapshot& snapshot_;
  const store::Message& message_;
  Facts facts_;
  std::optional<store::Body> body_;
  std::string_view header_;
  std::optional<std::optional<mime::DateHeader>> sent_;  // outer: asked already
  std::size_t bytes_read_ = 0;
  bool unreadable_ = false;
};

}  // namespace hauspost::imap
