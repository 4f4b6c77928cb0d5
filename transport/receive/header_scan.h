// One look at a message's header: what receiving must know, and no more.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hauspost::transport {

struct HeaderScan {
  // Octets of the header with its empty line and lines in it that are no fields; when there is no
  // header, 0.
  std::size_t bytes = 0;
  // False when the message starts with something that is neither a field nor the empty line: what
  // is put in front of it must bring an empty line of its own.
  bool well_formed = true;
  std::size_t fields = 0;
  std::size_t longest_field = 0;   // octets with its folds
  std::size_t received = 0;        // Received fields: hops
  std::size_t received_by_us = 0;  // of them with "by" and our name
  bool has_date = false;
  bool has_message_id = false;
  struct Span {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  // Fields with their CRLF, rising.
  std::vector<Span> bcc;
  std::vector<Span> return_path;
  std::vector<Span> routing;       // Received and Resent-*; only when they were asked for
  std::vector<Span> organisation;  // X-Hauspost-Organization-*, X-Hauspost-Forest-*
  std::vector<Span> our_results;   // Authentication-Results in our name
  std::vector<Span> from;
  std::vector<Span> sender;
};

struct HeaderQuestions {
  std::string_view hostname = {};  // ours; empty: none is
  bool routing = false;
};

// Looks at no more than `bytes_max` octets and `fields_max` fields; `bytes` or `fields` is larger
// than that when the header is. Lines end in CRLF.
HeaderScan scan_header(std::string_view message, std::size_t bytes_max, std::size_t fields_max,
                       const HeaderQuestions& questions = {});

// Takes the Bcc fields out (RFC 5322 section 3.6.3: the submission server's duty).
void remove_bcc(std::string& message, const HeaderScan& scan);

// Takes all of `spans`, in any order, out of `message`. REQUIRES: they do not overlap.
void remove_fields(std::string& message, std::vector<HeaderScan::Span> spans);

// The end of the field that starts at `at`: behind the CRLF of its last fold, or the text's end.
std::size_t field_end(std::string_view text, std::size_t at);

// What a field says: behind its colon, without its CRLF.
std::string_view field_body(std::string_view message, HeaderScan::Span span);

}  // namespace hauspost::transport
