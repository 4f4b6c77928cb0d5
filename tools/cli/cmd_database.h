// The verbs of `database`, which are spread over several files.
#pragma once

#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

void add_database_care(CLI::App& noun, Verb& chosen);  // check, repair, compact, move-path, ...
void add_database_set(CLI::App& noun, Verb& chosen);

// Rows FIELD, VALUE: how the database looks after its files.
void add_upkeep_rows(Table& table, const admin::Database& database);

}  // namespace hauspost::cli
