// Names of queues: what people say, and paths of the folders that hold them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "transport/queue/carrier.h"

namespace hauspost::transport {

inline constexpr std::string_view kUnreachableQueue = "Unreachable";
inline constexpr std::string_view kPoisonQueue = "Poison";
inline constexpr std::string_view kSafetyNetPrefix = "SafetyNet/";

// "Delivery/DB1", "Remote/CONNECTOR/example.net", "Remote/CONNECTOR" where all domains share smart
// hosts, "Unreachable"; "Delivery" for the database without a name. Octets that a folder cannot
// have stand as %XX.
std::string queue_name(const NextHop& hop);
// The hop of a queue; nullopt for any other name, Poison and Safety Net too.
std::optional<NextHop> hop_of_queue(std::string_view name);
std::string delivery_queue(std::string_view database);

}  // namespace hauspost::transport
