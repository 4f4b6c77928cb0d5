// Connecting out: TCP from a chosen local address, or a Unix socket.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/stream.h"

namespace hauspost::transport {

struct DialTarget {
  std::string address;  // IPv4, IPv6, or the path of a Unix socket
  std::uint16_t port = 25;
  std::string source;  // local address of the same family; empty: the system chooses
};

struct Dialled {
  std::unique_ptr<Stream> stream;
  std::string local;    // address:port of our end; empty of a Unix socket
  std::string address;  // the address alone
};

// kTimeout, kUnavailable, kCancelled, kInvalid (an address that is none, or a source that is not
// ours).
Task<Result<Dialled>> dial(DialTarget target, Duration timeout);

}  // namespace hauspost::transport
