// SessionActivity: what a back-end session is at, for whoever lists sessions.
#pragma once

#include <string_view>

#include "store/types.h"

namespace hauspost {

// REQUIRES: one thread.
struct SessionActivity {
  std::string_view command;  // a literal: the one under way or the last; empty: none yet
  store::FolderId folder;    // selected; 0: none
};

}  // namespace hauspost
