// What follows the index in an image: checksums and footer, as they are and with a CRC that holds.
#include <cstdint>
#include <cstdlib>

#include "base/bytes.h"
#include "store/image.h"

namespace {

void read(std::string_view bytes) {
  using namespace hauspost::store;
  const auto trailer = decode_image_trailer(bytes);
  if (!trailer) return;
  if (encode(*trailer) != bytes) std::abort();
  if (trailer->info.bytes != trailer->info.index_bytes + bytes.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hauspost;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  read(bytes);
  if (bytes.size() < store::kImageFooterBytes) return 0;
  const std::size_t table = bytes.size() - store::kImageFooterBytes;
  const auto set = [&](std::size_t at, std::uint32_t value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
  };
  set(bytes.size() - 4, crc32c(std::string_view(bytes).substr(0, table)));
  set(table + 12, crc32c(std::string_view(bytes).substr(table + 16)));
  read(bytes);
  return 0;
}
