#include "server/transfer/tree_position.h"

#include <fmt/format.h>

#include "base/text.h"

namespace hauspost::transfer {

std::string to_text(const TreePosition& position) {
  return fmt::format("{}\n{}\n{}", position.bytes_done, position.folder, position.after);
}

Result<TreePosition> parse_tree_position(std::string_view text) {
  const std::size_t first = text.find('\n');
  const std::size_t second = first == std::string_view::npos ? first : text.find('\n', first + 1);
  if (second == std::string_view::npos)
    return fail(ErrorCode::kCorrupt, "the place where the import stood is not readable");
  TreePosition position;
  position.bytes_done = parse_u64(text.substr(0, first)).value_or(0);
  position.folder = text.substr(first + 1, second - first - 1);
  position.after = text.substr(second + 1);
  return position;
}

std::unexpected<Error> folder_is_gone(std::string_view folder) {
  return fail(ErrorCode::kCorrupt,
              "folder " + escape_for_log(folder, 1000) + " is gone since the import stood there");
}

}  // namespace hauspost::transfer
