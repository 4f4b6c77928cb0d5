// An mbox file: every byte sequence is some messages, read in bounded memory, and can be gone on
// with behind each of them.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "server/transfer/mbox_source.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hauspost::transfer;
  static const std::string path = "/tmp/hauspost-fuzz-mbox-" + std::to_string(::getpid());
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) std::abort();
  if (std::fwrite(data, 1, size, file) != size || std::fclose(file) != 0) std::abort();
  const Limits limits{.message_bytes_max = 2000};
  auto source = MboxSource::open(path, limits);
  if (!source) std::abort();
  Item item;
  std::size_t items = 0;
  std::string position;
  for (;; ++items) {
    const auto more = (*source)->next(item);
    if (!more) std::abort();
    if (!*more) break;
    if (item.body.size() > limits.message_bytes_max) std::abort();
    if (items == 1) position = (*source)->position();
  }
  if (!position.empty()) {
    auto again = MboxSource::open(path, limits);
    if (!again || !(*again)->resume(position)) std::abort();
    std::size_t rest = 2;
    for (; *(*again)->next(item); ++rest) {
    }
    if (rest != items) std::abort();
  }
  ::unlink(path.c_str());
  return 0;
}
