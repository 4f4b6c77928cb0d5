// An index file of any bytes: what the page check lets through LMDB can read to the end.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "store/environment.h"
#include "store/index_check.h"

namespace {

using namespace hauspost::store;

void read_table(const ReadTxn& txn, Table table) {
  auto cursor = Cursor::open(txn, table);
  if (!cursor) return;
  std::size_t sum = 0;
  for (auto here = cursor->first(); here && *here; here = cursor->next())
    for (const char c : cursor->value()) sum += static_cast<unsigned char>(c);
  if (sum == SIZE_MAX) std::abort();  // every byte is read
}

void read_all(const std::string& path) {
  Environment::Options options;
  options.path = path;
  options.read_only = true;
  options.locked = false;
  const auto environment = Environment::open(options);
  if (!environment) return;
  for (const char* name : {"mailboxes", "folders", "folder_names", "messages", "annotations",
                           "bodies", "segments", "tombstones", "deliveries"}) {
    const auto table = (*environment)->open_table(name, false);
    const auto txn = (*environment)->read();
    if (table && txn) read_table(*txn, *table);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int descriptor = ::memfd_create("index", MFD_CLOEXEC);
  if (descriptor < 0 || ::write(descriptor, data, size) != static_cast<ssize_t>(size)) std::abort();
  const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  if (check_index_pages(path)) read_all(path);
  ::close(descriptor);
  return 0;
}
