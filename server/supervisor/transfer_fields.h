// Fields of a request that stand under the same names in what the CLI asks (admin::Transfer), in
// what is stored and in a job's order: written and read in one place.
#pragma once

#include "server/supervisor/transfer_request.h"

namespace hauspost::supervisor {

// What is wanted, but for whose mailbox it is.
template <class Message>
void put_wish(const TransferRequest& from, Message& to) {
  to.set_file(from.file);
  to.set_format(from.format);
  for (const std::string& pattern : from.include) to.add_include(pattern);
  for (const std::string& pattern : from.exclude) to.add_exclude(pattern);
  to.set_source_root(from.source_root);
  to.set_target_root(from.target_root);
  if (from.bad_items_max) to.set_bad_items_max(*from.bad_items_max);
  if (from.large_items_max) to.set_large_items_max(*from.large_items_max);
  to.set_ignore_quota(from.ignore_quota);
  to.set_exclude_dumpster(from.exclude_dumpster);
  to.set_after_s(from.after_s);
  to.set_before_s(from.before_s);
  to.set_from(from.from);
  to.set_subject(from.subject);
  to.set_dry_run(from.dry_run);
}

template <class Message>
void take_wish(const Message& from, TransferRequest& to) {
  to.file = from.file();
  to.format = from.format();
  to.include.assign(from.include().begin(), from.include().end());
  to.exclude.assign(from.exclude().begin(), from.exclude().end());
  to.source_root = from.source_root();
  to.target_root = from.target_root();
  if (from.has_bad_items_max()) to.bad_items_max = from.bad_items_max();
  if (from.has_large_items_max()) to.large_items_max = from.large_items_max();
  to.ignore_quota = from.ignore_quota();
  to.exclude_dumpster = from.exclude_dumpster();
  to.after_s = from.after_s();
  to.before_s = from.before_s();
  to.from = from.from();
  to.subject = from.subject();
  to.dry_run = from.dry_run();
}

template <class Message>
void put_progress(const TransferRequest& from, Message& to) {
  to.set_created_s(from.created_s);
  to.set_started_s(from.started_s);
  to.set_ended_s(from.ended_s);
  to.set_messages(from.tally.messages);
  to.set_bytes(from.tally.bytes);
  to.set_bad(from.tally.bad);
  to.set_large(from.tally.large);
  to.set_odd(from.tally.odd);
  to.set_skipped(from.tally.skipped);
  to.set_folders(from.tally.folders);
  to.set_folders_made(from.tally.folders_made);
  to.set_done(from.done);
  to.set_total(from.total);
  to.set_worked_s(from.worked_s);
}

}  // namespace hauspost::supervisor
