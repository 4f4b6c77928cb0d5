// RunWriter: writes a SearchRun's file from front to back.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "store/disk.h"
#include "store/search/run.h"

namespace hauspost::store {

// After any failure only the destructor may follow; the file is then the caller's to remove.
class RunWriter {
 public:
  static Result<RunWriter> create(Disk& disk, const std::string& path);

  // REQUIRES: zones in rising order, terms rising within one and not empty; documents rising, not
  // empty, offsets from the run's first body.
  Result<> add(SearchZone zone, std::string_view term, std::span<const std::uint32_t> documents);
  // Writes the rest and makes the file durable; its folder is the caller's to sync.
  Result<> finish(BodyId first, BodyId end, std::uint64_t documents,
                  std::span<const std::uint32_t> partial);

 private:
  static constexpr std::size_t kBlockTextBytes = 32 << 10;
  static constexpr std::size_t kBlockPostingsBytes = 128 << 10;
  static constexpr std::size_t kBufferBytes = 1 << 20;

  explicit RunWriter(std::unique_ptr<DiskFile> file) : file_(std::move(file)) {}
  Result<> end_block();
  Result<> flush();

  std::unique_ptr<DiskFile> file_;
  std::uint64_t written_ = 0;
  std::string buffer_;  // behind `written_`
  SearchZone zone_ = SearchZone::kBody;
  std::string text_;
  std::string postings_;
  std::uint32_t terms_ = 0;
  std::array<std::vector<std::uint64_t>, kSearchZones> directory_;
};

}  // namespace hauspost::store
