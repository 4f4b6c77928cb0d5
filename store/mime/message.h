// Messages as IMAP sees them (RFC 5322, RFC 2045-2047, RFC 9051 section 7.5.2). Pure functions over
// bytes that nobody vouches for: any input has an answer, limits bound the work, nothing recurses
// on depth.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hauspost::mime {

struct Limits {
  std::size_t depth_max = 100;       // nested parts; deeper is one opaque leaf
  std::size_t parts_max = 10'000;    // further parts are one opaque leaf
  std::size_t parameters_max = 100;  // of one header field; further ones are ignored
  std::size_t addresses_max = 10'000;
};

// FETCH BODY[section] (RFC 9051 section 6.4.5). Part numbers as in "1.2.3"; empty for the whole
// message.
enum class SectionText : std::uint8_t {
  kWhole,
  kHeader,
  kHeaderFields,
  kHeaderFieldsNot,
  kText,
  kMime
};
struct Section {
  std::vector<std::uint32_t> part;
  SectionText text = SectionText::kWhole;
  std::vector<std::string> fields;  // of kHeaderFields and kHeaderFieldsNot, any case
};
// What delivery computes once, so that FETCH copies: finished IMAP text. Opaque to the store.
std::string make_summary(std::string_view message);

// Views into the bytes make_summary made. A summary of another version or damaged: nullopt, and the
// caller makes it again from the message.
struct Summary {
  std::string_view envelope;        // "(date subject from ...)" as ENVELOPE wants it
  std::string_view body;            // BODY: without extension data
  std::string_view body_structure;  // BODYSTRUCTURE
  std::uint32_t header_bytes = 0;   // of the message's header including the empty line
  std::uint32_t body_lines = 0;
  // From version 2 on; empty and false before.
  bool vouched = false;            // its own CRC held: good without a look at the message
  std::uint32_t header_crc = 0;    // CRC-32C of the header
  std::string_view field_index;    // where its fields begin; empty: too large to be kept
  std::string_view folded_fields;  // what folded_field reads
};
std::optional<Summary> read_summary(std::string_view bytes);

// What find_section gives for a kHeaderFields or kHeaderFieldsNot section of the whole message,
// without a search for the fields. nullopt: no index is kept, or it does not fit the header.
// REQUIRES: `header` is the message's first header_bytes.
std::optional<std::string_view> select_fields(const Summary& summary, std::string_view header,
                                              const Section& section, std::string& storage);

// The folded texts that SEARCH looks at for "subject", "from", "to" or "cc", with a NUL before
// each; empty: there is no such field. nullopt: not kept.
std::optional<std::string_view> folded_field(const Summary& summary, std::string_view name);
// The same, made from the values of the fields: of addresses the names and plain addresses, too.
std::string fold_fields(std::span<const std::string> values, bool addresses);

// The section's bytes, or nullopt when the message has no such part. Header field subsets are built
// in `storage` and end in an empty line; everything else is a view into the message.
std::optional<std::string_view> find_section(std::string_view message, const Section& section,
                                             std::string& storage);

// BINARY[part] (RFC 3516): the part's body with its transfer encoding undone. `unknown_encoding` is
// the UNKNOWN-CTE case.
struct Decoded {
  std::string bytes;
  bool unknown_encoding = false;
};
std::optional<Decoded> decode_part(std::string_view message, std::span<const std::uint32_t> part);

// The header block with its closing empty line, and the value of the first field of that name,
// unfolded but not decoded.
std::string_view header_block(std::string_view message);
std::optional<std::string> header_field(std::string_view header, std::string_view name);
// All fields of that name, unfolded.
std::vector<std::string> header_fields(std::string_view header, std::string_view name);

// RFC 2047 and RFC 2231 undone, as UTF-8; raw 8-bit bytes are taken as UTF-8 when valid, else
// windows-1252.
std::string decode_header_text(std::string_view raw);
// The addresses of a field as search text: decoded names and plain addresses, separated by spaces.
std::string decode_address_text(std::string_view raw);
// The Date field as Unix time and as the calendar date it shows (days since 1970-01-01, zone
// disregarded, RFC 9051 SENTBEFORE); nullopt when it does not parse.
struct DateHeader {
  std::int64_t unix_s = 0;
  std::int32_t day = 0;
};
std::optional<DateHeader> parse_date_header(std::string_view raw);

// Substring search as IMAP means it (RFC 9051 section 6.4.4): case-insensitive over Unicode, in
// decoded text. fold() is applied to both sides: full case folding, NFC-insensitive where ICU can.
std::string fold(std::string_view utf8);
// True when the folded decoded text of all text/* parts (and, with `with_headers`, all header
// fields) contains the folded needle.
bool body_contains(std::string_view message, std::string_view folded_needle, bool with_headers);

}  // namespace hauspost::mime
