// PartTree: a message's MIME structure (RFC 2046 section 5.1) as a flat list in document order, so
// that nothing needs to recurse. Views point into the message.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "store/mime/content.h"
#include "store/mime/known_fields.h"
#include "store/mime/message.h"

namespace hauspost::mime {

struct Part {
  static constexpr std::uint32_t kNone = UINT32_MAX;
  enum class Kind : std::uint8_t {
    kLeaf,
    kMultipart,  // has at least one child
    kMessage,    // message/rfc822 or message/global: its one child is the embedded message
  };

  Kind kind = Kind::kLeaf;
  std::string_view header;  // with its closing empty line
  std::string_view body;    // without the line end that belongs to the boundary behind it
  std::uint32_t lines = 0;  // of body; a last line without a line end counts
  ContentType type;
  KnownFields fields;
  std::uint32_t parent = kNone;
  std::uint32_t first_child = kNone;
  std::uint32_t next = kNone;  // sibling
  std::uint32_t depth = 0;
};

struct PartTree {
  std::vector<Part> parts;  // [0] is the message itself

  // RFC 9051 section 6.4.5.1. For a part number that ends at a message/rfc822 part this is that
  // part; embedded_message() gives the message in it. nullptr: no such part. REQUIRES: not empty.
  const Part* find(std::span<const std::uint32_t> number) const;
  const Part* embedded_message(const Part& part) const;
};

// A delimiter is a line of "--", the boundary, perhaps "--", and perhaps white space; a line that
// goes on otherwise is text, so that one boundary may be the start of another.
PartTree parse_parts(std::string_view message, const Limits& limits = {});

}  // namespace hauspost::mime
