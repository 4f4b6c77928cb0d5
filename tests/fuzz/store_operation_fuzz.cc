// Operations of a log record: what decodes says the same once it was encoded again.
#include <cstdint>
#include <cstdlib>

#include "store/operation.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hauspost::store;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  while (!bytes.empty()) {
    const auto operation = decode_operation(bytes);
    if (!operation) return 0;
    std::string encoded;
    encode(*operation, encoded);
    std::string_view rest = encoded;
    const auto again = decode_operation(rest);
    if (!again || !rest.empty() || describe(*again) != describe(*operation)) std::abort();
  }
  return 0;
}
