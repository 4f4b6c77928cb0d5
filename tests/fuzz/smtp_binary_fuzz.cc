// BODY=BINARYMIME: what is let through is made of lines, and what was made of lines is left alone.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "protocols/smtp/data_reader.h"
#include "transport/receive/binary.h"

using namespace hauspost;

namespace {

bool is_clean(std::string_view bytes) {
  smtp::ContentCheck check;
  check.feed(bytes);
  check.finish();
  return check.fault() == smtp::ContentFault::kNone;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 64 * 1024) return 0;
  const std::string message(reinterpret_cast<const char*>(data), size);
  const auto lines = transport::without_binary(message);
  HP_CHECK(!is_clean(message) || (lines && *lines == message));
  if (!lines) {
    HP_CHECK(lines.error().is_failure());
    return 0;
  }
  HP_CHECK(is_clean(*lines));
  return 0;
}
