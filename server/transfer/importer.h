// Import: the items of a source into one mailbox of an open database, in batches. What a batch
// brought and how far the source was read is one record of the change log, so that an import that
// broke off anywhere goes on without losing or doubling a message.
#pragma once

#include "server/child/transfer_tally.h"
#include "server/transfer/item.h"
#include "store/database.h"
#include "store/progress.h"

namespace hauspost::transfer {

enum class Format : std::uint8_t { kAuto, kMbox, kMaildir, kEml, kZip };
// kInvalid: no such word.
Result<Format> parse_format(std::string_view word);
// By what is there; kAuto is found out. kNotFound, kDenied; kInvalid: nothing known is there.
Result<std::unique_ptr<Source>> open_source(const std::string& path, Format format, Limits limits);

struct ImportOptions {
  Guid request;  // who asks again with it goes on
  Guid mailbox;  // made when the store does not know it yet
  std::string label;
  std::vector<std::string> include;  // folder_name.h, FolderFilter
  std::vector<std::string> exclude;
  std::string source_root;
  std::string target_root;  // a path, "#Archive#", or empty
  std::optional<std::uint64_t> bad_items_max;
  std::optional<std::uint64_t> large_items_max;
  bool ignore_quota = false;
  bool dry_run = false;     // only reads and counts
  std::string report_path;  // empty: none is written
};

// Blocks. kOverQuota: the mailbox is full; kExhausted: more bad or large items than may be, or no
// disk; kCorrupt: the source has changed since; kCancelled. What was imported stays each time.
Result<Tally> run_import(Source& source, store::Database& database, const ImportOptions& options,
                         store::Progress& progress);
// Takes away what run_import() noted for a request that will not be gone on with.
Result<> forget_import(store::Database& database, const Guid& request, const Guid& mailbox);

}  // namespace hauspost::transfer
