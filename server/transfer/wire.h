// What transfers count, as it crosses between processes and stands in notes.
#pragma once

#include "server/child/transfer_tally.h"

namespace hauspost::child::wire {
class TransferReport;
}

namespace hauspost::transfer {

child::wire::TransferReport to_wire(const Tally& tally);
Tally from_wire(const child::wire::TransferReport& report);

}  // namespace hauspost::transfer
