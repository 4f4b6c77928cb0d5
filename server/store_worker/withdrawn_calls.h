// The supervisor's calls about IMAP extensions that are withdrawn from devices.
#pragma once

#include "protocols/imap/withdrawals.h"
#include "server/child/control.h"

namespace hauspost::store_worker {

// kWithdrawnList and kWithdrawnLift (server/child/mailbox.proto).
Result<std::string> answer_withdrawn_call(imap::Withdrawals& withdrawals,
                                          child::ControlMethod method, const std::string& body,
                                          std::int64_t now_s);

}  // namespace hauspost::store_worker
