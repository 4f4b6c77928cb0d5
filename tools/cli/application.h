// The command tree of `hauspost` and one run through it.
#pragma once

#include <CLI/CLI.hpp>

#include "tools/cli/context.h"

namespace hauspost::cli {

// Fills `app`; parsing stores what was asked for in `chosen` and `options`, which must outlive it.
void build_application(CLI::App& app, GlobalOptions& options, Verb& chosen);

// Parses and runs; prints failures as one line on standard error. The exit status.
int run(int argc, const char* const* argv);

}  // namespace hauspost::cli
