// ChildSettings as bytes: u32 length, then the protobuf. The supervisor writes them into a new
// control socket before it starts the child.
#pragma once

#include <string>
#include <string_view>

#include "server/child/child.h"

namespace hauspost::child {

inline constexpr std::uint32_t kSettingsBytesMax = 64 * 1024;

// The environment variable with the names of descriptors 3, 4, ..., separated by commas.
inline constexpr const char* kDescriptorsVariable = "HAUSPOST_FDS";
inline constexpr int kFirstDescriptor = 3;
inline constexpr std::string_view kControlName = "control";

std::string to_wire(const Settings& settings);  // with its length
// `bytes` without the length. kCorrupt when they do not parse.
Result<Settings> settings_from_wire(std::string_view bytes);

}  // namespace hauspost::child
