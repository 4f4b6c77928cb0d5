// The base subject (RFC 5256 section 2.1): what a conversation's messages share of their subjects.
#pragma once

#include <string>
#include <string_view>

namespace hauspost::imap {

struct BaseSubject {
  std::string text;
  bool is_reply_or_forward = false;  // something that says so was taken away
};

// `decoded`: UTF-8, encoded words decoded (step 1). Linear in its length.
BaseSubject base_subject(std::string_view decoded);

}  // namespace hauspost::imap
