// Where an import of a tree of folders stands, as it is noted with the messages: the bytes that are
// done, the folder, and the last item of it, a line each; or "end".
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace hauspost::transfer {

inline constexpr std::string_view kTreeEnd = "end";

struct TreePosition {
  std::uint64_t bytes_done = 0;
  std::string_view folder;  // into the text
  std::string_view after;   // empty: none of its items is done; may hold line ends
};

std::string to_text(const TreePosition& position);
// kCorrupt. REQUIRES: not kTreeEnd; `text` outlives what is returned.
Result<TreePosition> parse_tree_position(std::string_view text);
// kCorrupt: the folder that an import stood in is not there any more.
std::unexpected<Error> folder_is_gone(std::string_view folder);

}  // namespace hauspost::transfer
