// The calls of the control connection that ask for blocks and end them.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "server/auth/login_defence.h"

namespace hauspost::auth {

// On the wire for ever (server/child/defence.proto).
enum class DefenceMethod : std::uint16_t {
  kBlockList = 60,  // empty -> BlockListReply
  kBlockLift = 61,  // BlockLiftRequest -> BlockLiftReply
};

// nullopt: `method` is none of these. kInvalid: malformed body.
std::optional<Result<std::string>> answer_defence_call(LoginDefence& defence, std::uint16_t method,
                                                       std::string_view body);

}  // namespace hauspost::auth
