// Verbs of `hauspost certificate acme`.
#pragma once

#include "tools/cli/commands.h"

namespace hauspost::cli {

// Adds the noun "acme" to the noun "certificate".
void add_certificate_acme_commands(CLI::App& certificate, Verb& chosen);

}  // namespace hauspost::cli
