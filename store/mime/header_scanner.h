// HeaderScanner: the fields of a header block, in order and as they stand (RFC 5322 section 2.2,
// with section 4.5's white space before the colon). Lines end by CRLF or by LF alone.
#pragma once

#include <string>
#include <string_view>

namespace hauspost::mime {

// Longer fields are cut here before anything is made of their value.
inline constexpr std::size_t kFieldBytesMax = 64 * 1024;

struct HeaderField {
  std::string_view name;   // empty: these lines are no field
  std::string_view value;  // behind the colon, folds and the last line end included
  std::string_view lines;  // the whole field
};

class HeaderScanner {
 public:
  explicit HeaderScanner(std::string_view header) : rest_(header) {}

  // False at the empty line or at the end of the bytes.
  bool next(HeaderField& field);

 private:
  std::string_view rest_;
};

// Bytes of the line end at the start of `text`: 2, 1, or 0 when there is none.
inline std::size_t line_end_at(std::string_view text) {
  if (text.empty()) return 0;
  if (text[0] == '\n') return 1;
  return text[0] == '\r' && text.size() > 1 && text[1] == '\n' ? 2 : 0;
}

// One line: line ends go, a fold reads as the one space or tab's space that it is, ends are
// trimmed.
std::string unfold(std::string_view raw);

}  // namespace hauspost::mime
