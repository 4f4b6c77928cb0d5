// Every verb with its arguments and options, for programs: the manual pages are made of it.
#pragma once

#include <CLI/CLI.hpp>

#include "tools/cli/json.h"

namespace hauspost::cli {

// `app` and all below it:
//   {"name", "description", "arguments": [ARGUMENT], "options": [OPTION], "commands": [the same again]}
// ARGUMENT {"name", "description", "required", "repeatable"}; OPTION likewise, with "names" (without
// dashes, the short one last), "value" ("" for a flag) and "default" ("" when there is none to tell).
Json command_tree(const CLI::App& app);

}  // namespace hauspost::cli
