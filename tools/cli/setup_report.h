// What `hauspost setup` prints at its end: records for the DNS, what to type into mail programs,
// and what will not work yet.
#pragma once

#include "tools/cli/context.h"
#include "tools/cli/setup_plan.h"

namespace hauspost::cli {

struct SetupReport {
  struct Step {
    SetupStep step;
    bool done = true;
    std::string note;
  };
  std::string root;
  bool dry_run = false;
  std::vector<Step> steps;
  std::string mailbox;   // that was made; empty: none
  std::string password;  // that was made up; empty: none was
};

// Of a dry run: with --json the plan.
Outcome<> print_setup_plan(Context& context, const SetupReport& report);
// Examines as `hauspost doctor` does. Exit::kPartial when something will not work yet; that is
// listed. REQUIRES: a server.
Outcome<> finish_setup(Context& context, const SetupReport& report);

}  // namespace hauspost::cli
