// IndexCheck: is every page of an index file what LMDB takes it for? LMDB believes its file: a
// damaged page number or length in it sends reads anywhere and ends the process. Looked at after
// every end that was not in order, before LMDB sees the file.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace hauspost::store {

// Walks the trees of the newest meta page with plain reads, so that a bad sector is an error too.
// kCorrupt says which page; kInternal: it cannot be read. Costs one read of every page in use.
// REQUIRES: nobody has the file open for writing.
Result<> check_index_pages(const std::string& path);

}  // namespace hauspost::store
