// LIST's wildcards, against the plainest way to read them (RFC 9051 section 6.3.9): the same answer
// for any pattern and path. The first line is the pattern, the rest the path.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "protocols/imap/list_pattern.h"

namespace {

// Exponential: for short inputs alone.
bool matches(std::string_view pattern, std::string_view path) {
  if (pattern.empty()) return path.empty();
  const char first = pattern.front();
  if (first != '*' && first != '%')
    return !path.empty() && path.front() == first && matches(pattern.substr(1), path.substr(1));
  if (matches(pattern.substr(1), path)) return true;
  return !path.empty() && (first == '*' || path.front() != '/') && matches(pattern, path.substr(1));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kWholeMax = 16 * 1024;
  constexpr std::size_t kComparedMax = 14;  // of the pattern and of the path
  if (size > kWholeMax) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string_view pattern = bytes.substr(0, bytes.find('\n'));
  const std::string_view path = bytes.substr(std::min(size, pattern.size() + 1));
  const bool matched = hauspost::imap::ListPattern(pattern).matches(path);
  if (pattern.size() <= kComparedMax && path.size() <= kComparedMax)
    HP_CHECK(matched == matches(pattern, path));
  return 0;
}
