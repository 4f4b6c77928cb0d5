// SortTable: what SORT compares (RFC 5256, RFC 5957), a row of eight bytes a criterion and its text
// for each message.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/imap/command.h"
#include "protocols/imap/envelope_reader.h"
#include "store/types.h"

namespace hauspost::imap {

// The sent date (RFC 5256 section 2.2), Unix time: the internal date when the message tells none.
std::int64_t sent_date(const Envelope& envelope, const store::Message& message);
// The subject with its encoded words decoded; empty when there is none.
std::string decoded_subject(const Envelope& envelope);

inline constexpr std::size_t kComparedBytesMax = 1024;
// What SORT and THREAD keep of a text: casemapped, and cut at kComparedBytesMax.
std::string comparable(std::string_view utf8);

class SortTable {
 public:
  // REQUIRES: `criteria` outlives the table.
  explicit SortTable(std::span<const SortCriterion> criteria) : criteria_(criteria) {}

  // False when ARRIVAL and SIZE are all there is: then the index alone knows.
  bool needs_envelope() const;
  // `envelope` may be empty when it is not needed or cannot be read.
  void add(const store::Message& message, const Envelope& envelope);
  std::size_t rows() const { return criteria_.empty() ? 0 : cells_.size() / criteria_.size(); }
  bool less(std::uint32_t a, std::uint32_t b) const;

 private:
  std::uint64_t add_text(std::string_view utf8);

  std::span<const SortCriterion> criteria_;
  std::vector<std::uint64_t> cells_;  // row by row: a number, or where its text begins
  std::string texts_;                 // ordered as bytes are, each ended by NUL
};

}  // namespace hauspost::imap
