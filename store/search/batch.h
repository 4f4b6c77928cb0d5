// TermBatch: the terms of a few hundred bodies in memory, on their way into a run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/search/run_writer.h"
#include "store/search/zone.h"
#include "store/types.h"

namespace hauspost::store {

class TermBatch {
 public:
  static constexpr std::size_t kPostingsMax = 512 << 10;
  static constexpr std::size_t kTermsMax = 128 << 10;
  static constexpr std::size_t kTermBytesMax = 2 << 20;
  static constexpr std::size_t kMessageBytesMax = 16 << 20;    // of messages read for one batch
  static constexpr std::size_t kDocumentTermsMax = 128 << 10;  // further ones: it is partial

  // Holds bodies from `first` on.
  explicit TermBatch(BodyId first);

  // REQUIRES: ids rise and are less than kRunSpanMax above `first`.
  void add(BodyId body, std::string_view message, const SearchExtract& extract);
  // A body whose text nobody knows.
  void add_unreadable(BodyId body);

  // Time to write. Bounds the memory: one further body adds at most kDocumentTermsMax terms.
  bool full() const;
  BodyId first() const { return first_; }
  std::size_t documents() const { return documents_; }

  // `end`: behind the last body that this batch is to stand for.
  Result<> write(RunWriter& writer, BodyId end) const;

 private:
  struct Term {
    std::uint32_t text_at = 0;  // in texts_
    std::uint8_t text_bytes = 0;
    SearchZone zone = SearchZone::kBody;
    std::uint32_t last_document = 0;
    std::uint32_t documents = 0;
    std::uint32_t hash = 0;
  };
  struct Posting {
    std::uint32_t term;
    std::uint32_t document;
  };
  std::string_view text_of(const Term& term) const {
    return std::string_view(texts_).substr(term.text_at, term.text_bytes);
  }
  void take(SearchZone zone, std::string_view text, std::uint32_t document);
  std::uint32_t& slot_of(SearchZone zone, std::string_view text, std::uint32_t hash);
  void grow();
  std::vector<std::uint32_t> sorted() const;

  BodyId first_;
  std::size_t documents_ = 0;
  std::size_t message_bytes_ = 0;
  std::size_t new_terms_ = 0;  // of the document under way
  bool cut_ = false;           // terms of it were left out
  std::string texts_;
  std::vector<Term> terms_;
  std::vector<Posting> postings_;     // documents rising
  std::vector<std::uint32_t> slots_;  // open addressing: number of the term plus one, 0: free
  std::vector<std::uint32_t> partial_;
};

}  // namespace hauspost::store
