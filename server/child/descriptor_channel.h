// Open descriptors on their way to a child that runs already. The channel is one pair of sockets
// for one life of the child; what is sent waits in it until the child looks, which a call over
// control tells it to do.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "server/child/child.h"

namespace hauspost::child {

inline constexpr std::size_t kDescriptorsOnceMax = 100;  // in one message
inline constexpr std::size_t kDescriptorNameBytesMax = 128;

// Two connected ends, close-on-exec and non-blocking. The caller owns both.
Result<std::pair<int, int>> make_descriptor_channel();

// Sends copies; the descriptors stay the caller's. kUnavailable: nobody reads them, or too many
// wait already; some may have been sent. kInvalid: a name is empty or too long.
Result<> send_descriptors(int channel, std::span<const NamedDescriptor> descriptors);

// All that wait; they are the caller's and close-on-exec. Never blocks. kCorrupt: what came is no
// message of ours; its descriptors are closed.
Result<std::vector<NamedDescriptor>> take_descriptors(int channel);

}  // namespace hauspost::child
