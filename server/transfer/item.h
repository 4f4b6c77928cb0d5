// What an import takes out of a source, and where in it the next one begins.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/types.h"

namespace hauspost::transfer {

struct Item {
  enum class Kind : std::uint8_t {
    kMessage,
    kFolder,   // it exists, whether or not it holds anything
    kBad,      // no message came of it
    kLarge,    // a message above Limits::message_bytes_max
    kDropped,  // its own program had deleted it already
  };
  Kind kind = Kind::kMessage;
  std::string folder;  // levels joined by '/', UTF-8; empty: the source's top
  std::string where;   // for people: "Archive.mbox at byte 4096"
  std::string why;     // of kBad; of a message: what is odd about it, empty for nothing
  std::string body;    // lines end in CRLF where the source's ended in LF
  store::FlagBits flags = 0;
  std::vector<std::string> keywords;
  std::int64_t date_s = 0;  // Unix time it was received; 0: the source does not say

  void clear() { *this = Item(); }
};

struct Limits {
  std::uint64_t message_bytes_max = 50ULL << 20;
};

// Items one behind the other, in an order that is the same each time. One thread; may block. What
// is wrong with one item is that item's; an error is the end of the source.
class Source {
 public:
  virtual ~Source() = default;
  // False: there is no more.
  virtual Result<bool> next(Item& item) = 0;
  // Behind the last item; never above kPositionMax bytes.
  virtual std::string position() const = 0;
  // To where position() was. REQUIRES: before the first next(). kCorrupt: the source has changed.
  virtual Result<> resume(std::string_view position) = 0;
  virtual std::uint64_t bytes_total() const = 0;
  virtual std::uint64_t bytes_done() const = 0;
};
inline constexpr std::size_t kPositionMax = 8 * 1024;

// Line ends of `text` as a message has them: those of a text whose first line ends in LF alone
// become CRLF.
std::string with_crlf(std::string text);

// When the newest Received field says that it came, else when Date says it was written; 0: neither.
std::int64_t date_of_header(std::string_view body);

}  // namespace hauspost::transfer
