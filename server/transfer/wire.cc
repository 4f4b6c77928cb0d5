#include "server/transfer/wire.h"

#include "server/child/job_transfer.pb.h"

namespace hauspost::transfer {

child::wire::TransferReport to_wire(const Tally& tally) {
  child::wire::TransferReport out;
  out.set_messages(tally.messages);
  out.set_bytes(tally.bytes);
  out.set_bad(tally.bad);
  out.set_large(tally.large);
  out.set_odd(tally.odd);
  out.set_skipped(tally.skipped);
  out.set_folders(tally.folders);
  out.set_folders_made(tally.folders_made);
  return out;
}

Tally from_wire(const child::wire::TransferReport& report) {
  return {.messages = report.messages(),
          .bytes = report.bytes(),
          .bad = report.bad(),
          .large = report.large(),
          .odd = report.odd(),
          .skipped = report.skipped(),
          .folders = report.folders(),
          .folders_made = report.folders_made()};
}

}  // namespace hauspost::transfer
