// What the supervisor asks of the front-end over its control connection.
#pragma once

#include <string>

#include "server/frontend/frontend.h"

namespace hauspost::frontend {

// RpcHandler for Life::handler: methods 40 to 43 of server/child/control.h. kInvalid: unknown.
Task<Result<std::string>> answer_call(Frontend& frontend, std::uint16_t method);

}  // namespace hauspost::frontend
