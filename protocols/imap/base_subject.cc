#include "protocols/imap/base_subject.h"

#include "base/text.h"

namespace hauspost::imap {
namespace {

// Tabs are spaces already, and no two stand together.
std::string_view without_leading_space(std::string_view text) {
  return text.starts_with(' ') ? text.substr(1) : text;
}

// The length of subj-blob at the start: "[" *BLOBCHAR "]" *WSP; 0: there is none.
std::size_t blob_at(std::string_view text) {
  if (!text.starts_with('[')) return 0;
  const std::size_t end = text.find_first_of("[]", 1);
  if (end == std::string_view::npos || text[end] == '[') return 0;
  return end + 1 < text.size() && text[end + 1] == ' ' ? end + 2 : end + 1;
}

// The length of subj-refwd at the start: ("re" / ("fw" ["d"])) *WSP [subj-blob] ":".
std::size_t refwd_at(std::string_view text) {
  std::size_t at = 0;
  if (istarts_with(text, "fwd")) {
    at = 3;
  } else if (istarts_with(text, "re") || istarts_with(text, "fw")) {
    at = 2;
  } else {
    return 0;
  }
  if (text.substr(at).starts_with(' ')) ++at;
  at += blob_at(text.substr(at));
  return text.substr(at).starts_with(':') ? at + 1 : 0;
}

class Stripper {
 public:
  explicit Stripper(std::string_view text) : text_(text) {}

  BaseSubject run() {
    do {
      strip_trailers();
      while (strip_leader()) {
      }
    } while (strip_forward());
    return {std::string(text_), found_};
  }

 private:
  // Step 2: subj-trailer is "(fwd)" or white space.
  void strip_trailers() {
    constexpr std::string_view kForward = "(fwd)";
    for (;;) {
      if (text_.ends_with(' ')) {
        text_.remove_suffix(1);
      } else if (text_.size() >= kForward.size() &&
                 iequals(text_.substr(text_.size() - kForward.size()), kForward)) {
        text_.remove_suffix(kForward.size());
        found_ = true;
      } else {
        return;
      }
    }
  }

  // Steps 3 and 4. False: nothing was left to take. Blobs that no "re:" follows are looked at once:
  // what does not follow all of them does not follow the last ones either.
  bool strip_leader() {
    text_ = without_leading_space(text_);
    std::size_t blobs = 0;
    std::size_t last = 0;  // where the last blob begins
    for (std::size_t length = blob_at(text_); length > 0; length = blob_at(text_.substr(blobs))) {
      last = blobs;
      blobs += length;
    }
    if (const std::size_t length = refwd_at(text_.substr(blobs)); length > 0) {
      text_.remove_prefix(blobs + length);
      found_ = true;
      return true;
    }
    // A blob is the subject itself when nothing else would be left of it.
    const std::size_t taken = blobs == text_.size() ? last : blobs;
    text_.remove_prefix(taken);
    return false;
  }

  // Step 6.
  bool strip_forward() {
    constexpr std::string_view kHeader = "[fwd:";
    if (!istarts_with(text_, kHeader) || !text_.ends_with(']')) return false;
    text_ = text_.substr(kHeader.size(), text_.size() - kHeader.size() - 1);
    found_ = true;
    return true;
  }

  std::string_view text_;
  bool found_ = false;
};

}  // namespace

BaseSubject base_subject(std::string_view decoded) {
  std::string text;
  for (const char c : decoded) {
    const char plain = c == '\t' || c == '\r' || c == '\n' ? ' ' : c;
    if (plain != ' ' || !text.ends_with(' ')) text += plain;
  }
  return Stripper(text).run();
}

}  // namespace hauspost::imap
