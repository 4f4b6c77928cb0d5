// What is behind a Snapshot; for the store's own files.
#pragma once

#include "store/schema.h"
#include "store/seen.h"
#include "store/segment_map.h"
#include "store/snapshot.h"

namespace hauspost::store {

class Snapshot::Impl {
 public:
  Impl(ReadTxn read, const Index& of, SegmentCache& from)
      : txn(std::move(read)), index(of), segments(from) {}

  ReadTxn txn;
  const Index& index;
  SegmentCache& segments;
  Viewer viewer;
};

}  // namespace hauspost::store
