// A message as filters see and change it: its header field by field, and its body.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "transport/filter/milter_client.h"

namespace hauspost::transport {

// REQUIRES: lines end in CRLF.
class MessageParts {
 public:
  // `prefix`: what stands in front of the message; its Received field is ours and no filter's
  // business.
  MessageParts(std::string_view prefix, std::string_view message);

  // For a filter: without our own Received field, folds as "\n".
  std::vector<milter::HeaderField> fields() const;
  const std::string& body() const { return body_; }

  // What a filter wants changed; false: it is none of header or body, or makes no sense.
  // Pieces of a new body are put together: begin_changes() before each filter's.
  void begin_changes() { new_body_ = false; }
  bool apply(const milter::Answer& change);
  bool changed() const { return changed_; }

  // The whole again, with everything in it.
  std::string to_string() const;

 private:
  struct Field {
    std::string text;  // with its CRLF
    std::string_view name() const;
  };
  void split_fields(std::string_view header);
  void change_field(const milter::Answer& change);

  std::vector<Field> fields_;
  std::string body_;
  std::size_t own_ = SIZE_MAX;  // which field no filter sees; SIZE_MAX: none
  bool changed_ = false;
  bool new_body_ = false;
};

}  // namespace hauspost::transport
