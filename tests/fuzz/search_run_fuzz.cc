// A search index's files as anybody may have left them: opening, asking and merging them must end
// without a crash, also when every checksum holds.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

#include "base/bytes.h"
#include "store/search/lookup.h"
#include "store/search/manifest.h"
#include "store/search/merge.h"

using namespace hauspost;
using namespace hauspost::store;

namespace {

// The bytes as a file that goes away by itself.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : descriptor_(::memfd_create("run", MFD_CLOEXEC)) {
    if (descriptor_ < 0 ||
        ::write(descriptor_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
      std::abort();
  }
  ~MemoryFile() { ::close(descriptor_); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

void ask(const std::shared_ptr<const SearchRun>& run, const char* needle) {
  const auto runs = std::make_shared<const SearchRuns>(SearchRuns{{run}, run->end()});
  SearchLookup lookup(runs, {needle, {SearchZone::kBody, SearchZone::kSubject}, false});
  while (lookup.step(4096)) {
  }
  const SearchAnswer answer = lookup.take();
  for (std::uint64_t i = 0; i < std::min<std::size_t>(run->span(), 100); ++i)
    (void)answer.of(BodyId(run->first().value + i));
}

void set(std::string& bytes, std::size_t at, std::uint32_t value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

// Makes the checksums of a block and of the directory hold, where there are such.
void mend_block(std::string& bytes, std::uint64_t at) {
  if (at > bytes.size() || bytes.size() - at < kRunBlockHeaderBytes) return;
  ByteReader in(std::string_view(bytes).substr(at));
  const auto text_bytes = in.le<std::uint32_t>();
  const auto postings_bytes = in.le<std::uint32_t>();
  in.take(12);
  const std::string_view text = in.take(text_bytes);
  const std::string_view postings = in.take(postings_bytes);
  if (!in.ok()) return;
  const std::uint32_t text_crc = crc32c(text);
  const std::uint32_t postings_crc = crc32c(postings);
  set(bytes, at + 12, text_crc);
  set(bytes, at + 16, postings_crc);
}

std::string mended(std::string bytes) {
  if (bytes.size() < kRunHeaderBytes + kRunFooterBytes) return bytes;
  const std::size_t footer_at = bytes.size() - kRunFooterBytes;
  const auto directory_at = load_le<std::uint64_t>(bytes.data() + footer_at + 24);
  if (directory_at > footer_at) return bytes;
  const std::string directory = bytes.substr(directory_at, footer_at - directory_at);
  ByteReader in(directory);
  for (std::size_t zone = 0; zone < kSearchZones; ++zone) {
    const auto blocks = in.le<std::uint32_t>();
    for (std::uint32_t i = 0; i < blocks && in.ok(); ++i) mend_block(bytes, in.le<std::uint64_t>());
  }
  const std::string_view whole = bytes;
  const std::uint32_t crc = crc32c(whole.substr(footer_at, 32),
                                   crc32c(whole.substr(directory_at, footer_at - directory_at)));
  set(bytes, footer_at + 36, crc);
  return bytes;
}

void try_run(std::string_view bytes) {
  const MemoryFile file(bytes);
  const auto run = SearchRun::open(file.path(), 1);
  if (!run) return;
  for (const char* needle : {"word", "a", "two words", "@x"}) ask(*run, needle);
  DocumentSet living((*run)->span());
  living.fill();
  const MemoryFile merged("");
  if (auto writer = RunWriter::create(real_disk(), merged.path()))
    (void)merge_runs({&*run, 1}, living, *writer, [] { return Result<>{}; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)decode_search_manifest(bytes);
  std::string_view rest = bytes;
  DocumentSet documents(1000);
  while (const auto postings = take_postings(rest)) {
    if (!add_postings(documents, *postings)) break;
  }
  try_run(bytes);
  try_run(mended(std::string(bytes)));
  return 0;
}
