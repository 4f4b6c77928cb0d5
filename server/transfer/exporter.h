// Export: a mailbox, or a part of it, out of an open database into files that other programs read
// and that an import brings back as it was.
#pragma once

#include "server/child/transfer_tally.h"
#include "server/transfer/sink.h"
#include "store/database.h"
#include "store/progress.h"

namespace hauspost::transfer {

struct ExportOptions {
  Guid mailbox;
  std::string file;
  Format format = Format::kMbox;
  std::vector<std::string> include;  // folder_name.h, FolderFilter
  std::vector<std::string> exclude;
  std::string source_root;
  std::string target_root;
  bool exclude_dumpster = false;  // deleted messages that are still kept
  std::int64_t after_s = 0;       // received from then on; 0: any
  std::int64_t before_s = 0;      // received before; 0: any
  std::string from;               // words that From holds; empty: any
  std::string subject;
  std::string report_path;  // empty: none is written
  std::string state_path;   // how far it has come; empty: it is not gone on with
};

// The folder of an export that holds deleted messages.
inline constexpr std::string_view kDeletionsFolder = "Deletions";

// Blocks. kExists: the file is there already; kCancelled: PATH.part stays, to be gone on with.
Result<Tally> run_export(store::Database& database, const ExportOptions& options,
                         store::Progress& progress);

}  // namespace hauspost::transfer
