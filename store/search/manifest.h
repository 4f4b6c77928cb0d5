// The manifest of a search index: which runs there are. Replaced as a whole, after the runs it
// names are durable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "store/types.h"

namespace hauspost::store {

inline constexpr std::string_view kSearchManifest = "manifest";
inline constexpr std::uint32_t kSearchFormat =
    1;  // of terms, runs and manifest: another is dropped
inline constexpr std::size_t kSearchManifestBytesMax = 1 << 20;

struct SearchManifest {
  Guid database;
  BodyId next{1};                   // bodies from here on are not indexed
  std::vector<std::uint64_t> runs;  // numbers of their files, in the order of their bodies
};
std::string encode(const SearchManifest& manifest);
// kCorrupt: not a manifest of this format, or a damaged one.
Result<SearchManifest> decode_search_manifest(std::string_view bytes);

}  // namespace hauspost::store
