// How a back-end session ended, for the one who opened its stream.
#pragma once

#include <cstdint>

namespace hauspost {

enum class SessionEnd : std::uint8_t {
  kInOrder,  // the protocol's own goodbye was written: the front-end may close quietly
  kBroken,   // the stream failed or the client left without a word
};

}  // namespace hauspost
