// The whole life of hauspostd behind its command line.
#pragma once

#include "server/supervisor/supervisor.h"

namespace hauspost::supervisor {

// Serves until SIGTERM, SIGINT or the CLI ends it; the exit status. What prevents it is one line on
// standard error. REQUIRES: the main thread, and no other.
int run_server(Options options);

}  // namespace hauspost::supervisor
