#include "base/stream.h"

namespace hauspost {

Task<Result<>> Stream::write(std::string_view bytes) {
  const std::string_view parts[] = {bytes};
  co_return co_await write(std::span<const std::string_view>(parts));
}

}  // namespace hauspost
