// hauspost mailbox create --csv: thousands of mailboxes in one go.
#pragma once

#include <string>

#include "tools/cli/context.h"

namespace hauspost::cli {

struct ImportOptions {
  std::string file;
  std::string database;   // for rows that name none
  bool generate = false;  // a password for rows that have none; printed as CSV
  bool dry_run = false;
};

// Every row stands alone. Exit::kPartial when some could not be created (each is told with its line
// number), Exit::kRefused when none could.
Outcome<> import_mailboxes(Context& context, const ImportOptions& options);

}  // namespace hauspost::cli
