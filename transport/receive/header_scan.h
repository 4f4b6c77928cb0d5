// One look at a message's header: what receiving must know, and no more.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hauspost::transport {

struct HeaderScan {
  // Octets of the header with its empty line; when there is no header, 0.
  std::size_t bytes = 0;
  // False when the message starts with something that is neither a field nor the empty line: what
  // is put in front of it must bring an empty line of its own.
  bool well_formed = true;
  std::size_t fields = 0;
  std::size_t longest_field = 0;  // octets with its folds
  std::size_t received = 0;       // Received fields: hops
  bool has_date = false;
  bool has_message_id = false;
  struct Span {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  std::vector<Span> bcc;  // Bcc fields with their CRLF, rising
};

// Looks at no more than `bytes_max` octets and `fields_max` fields; `bytes` or `fields` is larger
// than that when the header is. Lines end in CRLF.
HeaderScan scan_header(std::string_view message, std::size_t bytes_max, std::size_t fields_max);

// Takes the Bcc fields out (RFC 5322 section 3.6.3: the submission server's duty).
void remove_bcc(std::string& message, const HeaderScan& scan);

}  // namespace hauspost::transport
