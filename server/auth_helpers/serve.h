// The life of a helper: reads one question after the other and answers it. Blocks as it likes:
// who started a helper that takes too long kills it and starts another.
#pragma once

#include "server/auth_helpers/fields.h"

namespace hauspost::helpers {

Fields answer(std::string_view outcome, std::string reason);

// Ends when its parent goes. Wipes each question when it was answered. Returns the exit status;
// 2 with one line on standard error when the program was started by hand.
int serve(const char* program, Fields (*handle)(const Fields& question));

}  // namespace hauspost::helpers
