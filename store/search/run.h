// SearchRun: an immutable file of the search index with the terms of a range of bodies. Its bytes
// are in store/search/README.md.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/search/postings.h"
#include "store/search/zone.h"
#include "store/types.h"

namespace hauspost::store {

inline constexpr std::uint64_t kRunMagic = 0x314e555248435348;  // "HSCHRUN1"
inline constexpr std::size_t kRunHeaderBytes = 8;
inline constexpr std::size_t kRunBlockHeaderBytes = 20;
inline constexpr std::size_t kRunFooterBytes = 48;
inline constexpr std::uint64_t kRunSpanMax = 1ULL << 24;  // ids of bodies

// Terms in rising order with their postings. The text begins with a zero, and one ends each term,
// so that memmem finds terms by any part of them and says where they begin and end.
struct RunBlock {
  std::string_view text;
  std::string_view postings;
  std::uint32_t terms = 0;
};

// Thread-safe. The file may be removed while it is open.
class SearchRun {
 public:
  // kCorrupt: not a run, or its directory is damaged.
  static Result<std::shared_ptr<const SearchRun>> open(const std::string& path,
                                                       std::uint64_t number);
  ~SearchRun();
  SearchRun(const SearchRun&) = delete;
  SearchRun& operator=(const SearchRun&) = delete;

  std::uint64_t number() const { return number_; }  // of its file
  BodyId first() const { return first_; }
  BodyId end() const { return end_; }  // behind its last body
  std::size_t span() const { return end_.value - first_.value; }
  std::uint64_t documents() const { return documents_; }  // that lived when it was written
  std::uint64_t bytes() const { return bytes_.size(); }
  // Bodies with more text than the terms say.
  const DocumentSet& partial() const { return partial_; }

  std::size_t blocks(SearchZone zone) const { return zones_[index_of(zone)].size(); }
  // The block's text; its postings when asked for. kCorrupt: its checksum does not hold.
  Result<RunBlock> block(SearchZone zone, std::size_t at, bool with_postings) const;

  // Set by whoever finds damage; the index is then made anew.
  void mark_damaged() const { damaged_ = true; }
  bool damaged() const { return damaged_; }

 private:
  static constexpr std::size_t index_of(SearchZone zone) { return static_cast<std::size_t>(zone); }
  SearchRun(std::string_view bytes, std::uint64_t number) : bytes_(bytes), number_(number) {}
  Result<> read_directory();

  std::string_view bytes_;  // mapped
  const std::uint64_t number_;
  BodyId first_;
  BodyId end_;
  std::uint64_t documents_ = 0;
  DocumentSet partial_;
  struct Place {
    std::uint64_t offset = 0;
    std::size_t number = 0;  // among all blocks
  };
  std::array<std::vector<Place>, kSearchZones> zones_;
  // Two a block: the checksums of its text and of its postings hold.
  mutable std::vector<std::atomic<bool>> checked_;
  mutable std::atomic<bool> damaged_ = false;
};

}  // namespace hauspost::store
