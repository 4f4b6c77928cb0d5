// Pressure: how much more mail this machine can bear. Receiving asks at every MAIL.
#pragma once

#include <cstdint>

namespace hauspost::transport {

class Pressure {
 public:
  enum class Level : std::uint8_t {
    kNormal,
    kMedium,  // no more mail from strangers: our users and servers go on
    kHigh,    // no more mail at all
  };
  virtual ~Pressure() = default;
  // On the io thread; a memory read.
  virtual Level level() const = 0;
};

}  // namespace hauspost::transport
