// Image: a compacted, checksummed, durable copy of an index at a known LSN. With one of them, the
// log behind it is enough to make the index again. The file is an LMDB file that can be opened as
// it is, then a CRC-32C of each MiB of it, then a footer (store/README.md has the table).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/platform.h"
#include "store/progress.h"
#include "store/schema.h"
#include "store/throttle.h"

namespace hauspost::store {

inline constexpr std::string_view kImageFile = "image";  // a database's own, in its folder

struct ImageInfo {
  Guid database;
  Lsn lsn;  // State::applied of the copied index
  std::uint64_t epoch = 0;
  std::int64_t created_us = 0;    // Unix time
  std::uint64_t index_bytes = 0;  // of the LMDB file inside
  std::uint64_t bytes = 0;        // of the whole file
};

// Copies the index of this moment to `path`, which holds either what it held before or the whole
// new image, whatever happens. Blocks for as long as the copy takes; writers go on meanwhile, but
// pages they replace cannot be reused. kCancelled; kCorrupt: the index is damaged.
Result<ImageInfo> write_image(const Platform& platform, const Index& index, const std::string& path,
                              Throttle& throttle, Progress& progress);
Result<ImageInfo> write_image(const Platform& platform, const Index& index, const std::string& path,
                              Progress& progress);

// What the footer says; reads nothing else. kNotFound; kCorrupt: not an image, or cut short.
Result<ImageInfo> read_image_info(const std::string& path);
// Reads all of it and tests every checksum. kCorrupt names the place.
Result<ImageInfo> check_image(const std::string& path, Progress& progress);

// Makes index.mdb and checkpoint in `folder` from the image, as a database that was closed in order
// leaves them; the index then belongs to `database`. Every checksum is tested on the way. A crash
// leaves either no checkpoint, so that the index counts as lost, or both files whole.
// REQUIRES: nobody has the database of the folder open.
Result<ImageInfo> restore_image(const Platform& platform, const std::string& path,
                                const std::string& folder, const Guid& database,
                                Progress& progress);

// The footer with the checksums before it: what follows the LMDB file.
struct ImageTrailer {
  ImageInfo info;
  std::vector<std::uint32_t> block_crcs;
};
inline constexpr std::size_t kImageBlockBytes = 1 << 20;
inline constexpr std::size_t kImageFooterBytes = 72;
std::string encode(const ImageTrailer& trailer);
// `bytes` are the file's last kImageFooterBytes. kCorrupt.
Result<ImageInfo> decode_image_footer(std::string_view bytes);
// `bytes` are all that follows the LMDB file. kCorrupt.
Result<ImageTrailer> decode_image_trailer(std::string_view bytes);

}  // namespace hauspost::store
