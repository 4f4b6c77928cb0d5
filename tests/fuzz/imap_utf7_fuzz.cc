// Modified UTF-7: what decodes encodes back to the same bytes, and every UTF-8 text round-trips.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "base/text.h"
#include "protocols/imap/list_pattern.h"
#include "protocols/imap/mailbox_name.h"

namespace {

// The obvious matcher, exponential and right: what ListPattern is held against.
bool matches_slowly(std::string_view pattern, std::string_view path) {
  if (pattern.empty()) return path.empty();
  if (pattern[0] != '*' && pattern[0] != '%')
    return !path.empty() && path[0] == pattern[0] &&
           matches_slowly(pattern.substr(1), path.substr(1));
  if (matches_slowly(pattern.substr(1), path)) return true;
  return !path.empty() && (pattern[0] == '*' || path[0] != '/') &&
         matches_slowly(pattern, path.substr(1));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hauspost;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto decoded = imap::decode_utf7(bytes)) {
    HP_CHECK(is_valid_utf8(*decoded));
    HP_CHECK(imap::encode_utf7(*decoded) == bytes);
  }
  if (is_valid_utf8(bytes) && !bytes.contains('\0')) {
    const auto back = imap::decode_utf7(imap::encode_utf7(bytes));
    HP_CHECK(back && *back == bytes);
  }
  const std::size_t half = std::min<std::size_t>(size / 2, 12);
  const std::string_view pattern = bytes.substr(0, half);
  const std::string_view path = bytes.substr(half, 12);
  HP_CHECK(imap::ListPattern(pattern).matches(path) == matches_slowly(pattern, path));
  return 0;
}
