// A backup's manifest: as it is, and with the CRC that makes its lines believed.
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>

#include "base/bytes.h"
#include "store/backup/manifest.h"

namespace {

void read(const std::string& text) {
  using namespace hauspost::store;
  const auto manifest = decode_manifest(text);
  if (!manifest) return;
  const auto again = decode_manifest(encode(*manifest));
  if (!again || again->segments.size() != manifest->segments.size() ||
      again->generations.size() != manifest->generations.size())
    std::abort();
  Lsn before;
  for (const LsnSpan& span : restorable(*manifest)) {
    if (span.last < span.first || (before != Lsn() && span.first < before)) std::abort();
    before = span.last;
    const BackupImage* const base = base_image(*manifest, span.first);
    if (base == nullptr ? span.first != Lsn(1) : base->lsn > span.first) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  read(text);
  if (const std::size_t end = text.rfind("end "); end != std::string::npos) text.resize(end);
  text += fmt::format("end {:08x}\n", hauspost::crc32c(text));
  read(text);
  return 0;
}
