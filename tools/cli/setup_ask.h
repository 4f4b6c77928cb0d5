// Questions on the terminal, or to a pipe that answers them.
#pragma once

#include "tools/cli/setup_plan.h"

namespace hauspost::cli {

// Asks for what `answers` does not have, one line each on standard error; an empty line takes what
// is proposed. A wrong answer is asked again. Exit::kUsage when the input ends.
Outcome<> ask_answers(const SetupState& state, const std::string& machine_name,
                      const std::string& login, Answers& answers);
// "yes" or "no"; an empty line is yes.
Outcome<bool> ask_yes(const std::string& question);

}  // namespace hauspost::cli
