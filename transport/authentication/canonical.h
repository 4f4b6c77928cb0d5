// Canonical forms of header fields and bodies (RFC 6376 section 3.4). Lines end in CRLF; a CR or LF
// alone is a character like others.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto/sha256.h"

namespace hauspost::mailauth {

enum class Canonical : std::uint8_t { kSimple, kRelaxed };

// One field, its CRLF included, appended to `out`.
void append_canonical(std::string& out, Canonical form, std::string_view field);

// The hash of a body, fed piece by piece wherever the pieces end.
class BodyHash {
 public:
  explicit BodyHash(Canonical form) : form_(form) {}

  void feed(std::string_view bytes);
  // 32 octets. REQUIRES: called once, and nothing after it.
  std::string finish();
  // Of the canonical body, once finished.
  std::uint64_t octets() const { return octets_; }

 private:
  void feed_relaxed(std::string_view bytes);
  void feed_simple(std::string_view bytes);
  void end_lines();
  void put(std::string_view bytes);
  void flush();

  Canonical form_;
  crypto::Sha256 hash_;
  std::string buffer_;
  std::uint64_t octets_ = 0;
  std::uint64_t line_ends_ = 0;  // seen, and not put while nothing follows them
  bool space_ = false;           // likewise (relaxed)
  bool cr_ = false;              // the last octet was a CR
};

// A message as fields and body. Views into it.
struct MessageParts {
  struct Field {
    std::string_view name;   // as written, without white space before the colon
    std::string_view lines;  // the whole field with its CRLF
    std::string_view value;  // behind the colon
  };
  std::vector<Field> fields;
  std::string_view body;
};
// At most `fields_max` fields are looked at; the rest of the header counts as none.
inline constexpr std::size_t kFieldsMax = 2000;
MessageParts split_message(std::string_view message, std::size_t fields_max = kFieldsMax);

}  // namespace hauspost::mailauth
