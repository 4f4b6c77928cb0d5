#include "base/stream.h"

namespace hauspost {

Task<Result<>> Stream::write(std::string_view bytes) {
  const std::string_view parts[] = {bytes};
  co_return co_await write(std::span<const std::string_view>(parts));
}

Task<Result<Input>> Stream::read_input(Signal& signal,
                                       const std::function<std::span<char>()>& place) {
  CO_TRY_ASSIGN(const Wake wake, co_await wait_input(signal, Duration::zero()));
  if (wake != Wake::kInput) co_return Input{wake};
  CO_TRY_ASSIGN(const std::size_t count, co_await read_some(place()));
  co_return Input{Wake::kInput, count};
}

}  // namespace hauspost
