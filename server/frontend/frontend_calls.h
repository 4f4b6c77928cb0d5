// What the supervisor asks of the front-end over its control connection.
#pragma once

#include <string>

#include "server/frontend/frontend.h"

namespace hauspost::frontend {

// For Life::handler: methods 40 to 45 of server/child/control.h. `channel`: where descriptors come
// from (server/child/descriptor_channel.h); -1: nowhere. `files`: where those go that are handed
// over. kInvalid: unknown.
Task<Result<std::string>> answer_call(Frontend& frontend, int channel, HandedFiles& files,
                                      std::uint16_t method, std::string body);

}  // namespace hauspost::frontend
