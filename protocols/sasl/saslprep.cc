#include "protocols/sasl/saslprep.h"

#include <unicode/usprep.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/text.h"

namespace hauspost::sasl {

namespace {

constexpr std::size_t kBytesMax = 4096;
// NFKC makes at most eighteen UTF-16 units of one (U+FDFA).
constexpr std::size_t kGrowthMax = 18;
constexpr std::size_t kUtf8PerUnitMax = 3;

bool is_plain_ascii(char c) { return c >= 0x20 && c <= 0x7e; }

struct CloseProfile {
  void operator()(UStringPrepProfile* profile) const { usprep_close(profile); }
};

const UStringPrepProfile* profile() {
  static const std::unique_ptr<UStringPrepProfile, CloseProfile> opened = [] {
    UErrorCode code = U_ZERO_ERROR;
    std::unique_ptr<UStringPrepProfile, CloseProfile> made(
        usprep_openByType(USPREP_RFC4013_SASLPREP, &code));
    if (U_FAILURE(code)) made.reset();
    return made;
  }();
  return opened.get();
}

}  // namespace

std::optional<std::string> saslprep(std::string_view utf8) {
  if (std::ranges::all_of(utf8, is_plain_ascii)) return std::string(utf8);
  if (utf8.size() > kBytesMax || !is_valid_utf8(utf8) || profile() == nullptr) return std::nullopt;
  std::vector<UChar> source(utf8.size() + 1);
  std::int32_t units = 0;
  UErrorCode code = U_ZERO_ERROR;
  u_strFromUTF8(source.data(), static_cast<std::int32_t>(source.size()), &units, utf8.data(),
                static_cast<std::int32_t>(utf8.size()), &code);
  if (U_FAILURE(code)) return std::nullopt;
  std::vector<UChar> prepared(static_cast<std::size_t>(units) * kGrowthMax + 1);
  units = usprep_prepare(profile(), source.data(), units, prepared.data(),
                         static_cast<std::int32_t>(prepared.size()), USPREP_ALLOW_UNASSIGNED,
                         nullptr, &code);
  if (U_FAILURE(code)) return std::nullopt;
  std::string out(static_cast<std::size_t>(units) * kUtf8PerUnitMax, '\0');
  std::int32_t bytes = 0;
  u_strToUTF8(out.data(), static_cast<std::int32_t>(out.size()), &bytes, prepared.data(), units,
              &code);
  std::ranges::fill(source, UChar{0});
  std::ranges::fill(prepared, UChar{0});
  if (U_FAILURE(code)) return std::nullopt;
  out.resize(static_cast<std::size_t>(bytes));
  return out;
}

}  // namespace hauspost::sasl
