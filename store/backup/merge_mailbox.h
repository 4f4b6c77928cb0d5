// Merge: one mailbox, or one folder of it, out of a database that nobody writes to (an opened
// backup, a recovery database) into a live one. What is there already is left alone, so that a
// merge that broke off is simply done again.
#pragma once

#include <string>
#include <vector>

#include "store/database.h"
#include "store/progress.h"

namespace hauspost::store {

struct MergeOptions {
  Guid from;
  std::string folder;  // this folder and those below it; empty: all but deleted messages
  Guid to;             // made when the live database does not know it
  std::string to_label;
  std::string root;         // put before each path; empty: folders go where they were
  bool copy_again = false;  // also what is there already
};

struct MergeReport {
  std::uint64_t folders = 0;
  std::uint64_t folders_made = 0;
  std::uint64_t messages = 0;  // in the source
  std::uint64_t copied = 0;
  std::uint64_t existing = 0;        // same bytes and internal date in the same folder: left alone
  std::uint64_t bytes = 0;           // copied
  std::vector<std::string> damaged;  // messages whose bytes are not whole: left out
  static constexpr std::size_t kDamagedMax = 1000;
};

// Flags, keywords, internal dates, annotations and the tree of folders come along; UIDs are new.
// Metadata does as far as there is room for it; grants do with a folder that was gone from the
// mailbox itself.
// Blocks. kNotFound: no such mailbox or folder in the source (the text says which); kOverQuota: the
// mailbox is full, what was copied stays; kCancelled: likewise.
Result<MergeReport> merge_mailbox(const Database& source, Database& target,
                                  const MergeOptions& options, Progress& progress);

}  // namespace hauspost::store
