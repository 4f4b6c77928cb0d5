#include "store/search/run.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"

namespace hauspost::store {

namespace {

std::unexpected<Error> not_whole(std::uint64_t number, std::string_view what) {
  return fail(ErrorCode::kCorrupt,
              "search run " + std::to_string(number) + ": " + std::string(what));
}

}  // namespace

Result<std::shared_ptr<const SearchRun>> SearchRun::open(const std::string& path,
                                                         std::uint64_t number) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail(errno_error("opening " + path));
  struct stat info;
  void* memory = MAP_FAILED;
  if (::fstat(descriptor, &info) == 0 && info.st_size > 0)
    memory = ::mmap(nullptr, static_cast<std::size_t>(info.st_size), PROT_READ, MAP_SHARED,
                    descriptor, 0);
  const int error_number = errno;
  ::close(descriptor);
  if (memory == MAP_FAILED) return fail(errno_error("mapping " + path, error_number));
  const std::string_view bytes(static_cast<const char*>(memory),
                               static_cast<std::size_t>(info.st_size));
  std::shared_ptr<SearchRun> run(new SearchRun(bytes, number));
  TRY(run->read_directory());
  return run;
}

SearchRun::~SearchRun() { ::munmap(const_cast<char*>(bytes_.data()), bytes_.size()); }

Result<> SearchRun::read_directory() {
  if (bytes_.size() < kRunHeaderBytes + kRunFooterBytes ||
      load_le<std::uint64_t>(bytes_.data()) != kRunMagic)
    return not_whole(number_, "not a run");
  const std::string_view footer_bytes = bytes_.substr(bytes_.size() - kRunFooterBytes);
  ByteReader footer(footer_bytes);
  first_ = BodyId(footer.le<std::uint64_t>());
  end_ = BodyId(footer.le<std::uint64_t>());
  documents_ = footer.le<std::uint64_t>();
  const auto directory_at = footer.le<std::uint64_t>();
  const auto reserved = footer.le<std::uint32_t>();
  const auto crc = footer.le<std::uint32_t>();
  const auto magic = footer.le<std::uint64_t>();
  const std::size_t footer_at = bytes_.size() - kRunFooterBytes;
  if (magic != kRunMagic || reserved != 0 || directory_at < kRunHeaderBytes ||
      directory_at > footer_at || end_ < first_ || span() > kRunSpanMax)
    return not_whole(number_, "its end is damaged");
  const std::string_view directory = bytes_.substr(directory_at, footer_at - directory_at);
  if (crc32c(footer_bytes.substr(0, 32), crc32c(directory)) != crc)
    return not_whole(number_, "its directory is damaged");
  ByteReader in(directory);
  std::size_t number = 0;
  for (auto& zone : zones_) {
    const auto blocks = in.le<std::uint32_t>();
    for (std::uint32_t i = 0; i < blocks && in.ok(); ++i) {
      const auto offset = in.le<std::uint64_t>();
      if (offset > directory_at || directory_at - offset < kRunBlockHeaderBytes)
        return not_whole(number_, "a block outside of it");
      zone.push_back({offset, number++});
    }
  }
  partial_ = DocumentSet(span());
  std::string_view partial = in.rest();
  const auto postings = take_postings(partial);
  if (!in.ok() || !postings || !partial.empty() || !add_postings(partial_, *postings))
    return not_whole(number_, "its directory does not parse");
  checked_ = std::vector<std::atomic<bool>>(2 * number);
  return {};
}

Result<RunBlock> SearchRun::block(SearchZone zone, std::size_t at, bool with_postings) const {
  const Place place = zones_[index_of(zone)][at];
  ByteReader in(bytes_.substr(place.offset));
  const auto text_bytes = in.le<std::uint32_t>();
  const auto postings_bytes = in.le<std::uint32_t>();
  RunBlock block;
  block.terms = in.le<std::uint32_t>();
  const auto text_crc = in.le<std::uint32_t>();
  const auto postings_crc = in.le<std::uint32_t>();
  block.text = in.take(text_bytes);
  block.postings = in.take(postings_bytes);
  std::atomic<bool>& text_checked = checked_[2 * place.number];
  std::atomic<bool>& postings_checked = checked_[2 * place.number + 1];
  bool whole = in.ok() && block.text.size() >= 2;
  if (whole && !text_checked) {
    whole =
        crc32c(block.text) == text_crc && block.text.front() == '\0' && block.text.back() == '\0';
    text_checked = whole;
  }
  if (whole && with_postings && !postings_checked) {
    whole = crc32c(block.postings) == postings_crc;
    postings_checked = whole;
  }
  if (whole) return block;
  mark_damaged();
  return not_whole(number_, "a block's checksum does not hold");
}

}  // namespace hauspost::store
