#include "store/mime/collation.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>

#include "base/text.h"

namespace hauspost::mime {

std::string casemap(std::string_view utf8) {
  if (std::ranges::all_of(utf8, [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
    return ascii_upper(utf8);
  // Title case of each character alone, then its decomposition (RFC 5051 section 2).
  const icu::UnicodeString text = icu::UnicodeString::fromUTF8(
      icu::StringPiece(utf8.data(), static_cast<std::int32_t>(utf8.size())));
  icu::UnicodeString titled;
  for (std::int32_t at = 0; at < text.length(); at = text.moveIndex32(at, 1))
    titled.append(u_totitle(text.char32At(at)));
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* const normalizer = icu::Normalizer2::getNFKDInstance(status);
  icu::UnicodeString mapped;
  if (U_SUCCESS(status)) mapped = normalizer->normalize(titled, status);
  std::string out;
  (U_SUCCESS(status) ? mapped : titled).toUTF8String(out);
  return out;
}

}  // namespace hauspost::mime
