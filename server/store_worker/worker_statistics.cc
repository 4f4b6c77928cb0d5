#include "server/store_worker/worker_statistics.h"

#include <algorithm>

#include "server/child/control.pb.h"
#include "store/search/search_index.h"

namespace hauspost::store_worker {

namespace {

void take_sizes(const store::Database::Statistics& from, child::wire::StoreStatistics& to) {
  to.set_log_bytes(from.log_bytes);
  to.set_live_body_bytes(from.live_body_bytes);
  to.set_dead_body_bytes(from.dead_body_bytes);
  to.set_segments(from.segments);
  to.set_compactable_bytes(from.compactable_bytes);
  to.set_index_bytes(from.index_bytes);
  to.set_index_free_bytes(from.index_free_bytes);
  to.set_index_file_bytes(from.index_file_bytes);
  to.set_image_bytes(from.image_bytes);
  to.set_image_lsn(from.image_lsn.value);
  to.set_image_created_s(from.image_created_s);
  to.set_mailboxes(from.mailboxes);
  to.set_messages(from.messages);
  to.set_last_lsn(from.last_lsn.value);
  to.set_checkpoint_lsn(from.checkpoint_lsn.value);
  to.set_commits(from.commits);
  to.set_records(from.records);
}

void take_scan(const store::ScanState& from, child::wire::StoreStatistics& to) {
  to.set_scan_started_s(from.started_s);
  to.set_scan_finished_s(from.finished_s);
  to.set_scan_under_way(from.under_way);
  to.set_scan_bytes(from.bytes);
  // A pass under way has not come to all of what the last one found.
  for (const std::string& text : from.damage) to.add_damage(text);
  for (const std::string& text : from.before) {
    if (std::ranges::find(from.damage, text) == from.damage.end() && from.under_way)
      to.add_damage(text);
  }
}

std::string_view word(store::SearchIndex::State state) {
  switch (state) {
    case store::SearchIndex::State::kCurrent: return "current";
    case store::SearchIndex::State::kBuilding: return "building";
    case store::SearchIndex::State::kPaused: return "paused";
    case store::SearchIndex::State::kFailed: return "failed";
  }
  return "failed";
}

void take_search(const store::SearchIndex::Status& from, child::wire::StoreStatistics& to) {
  to.set_search_state(std::string(word(from.state)));
  to.set_search_documents(from.documents);
  to.set_search_bytes(from.bytes);
  to.set_search_behind(from.behind);
  to.set_search_error(from.last_error);
  to.set_search_next(from.next.value);
  to.set_search_runs(from.runs);
  to.set_search_unreadable(from.unreadable);
}

}  // namespace

child::wire::StoreStatistics worker_statistics(const store::Database& database,
                                               const store::ScanState& scan) {
  child::wire::StoreStatistics out;
  take_sizes(database.statistics(), out);
  take_scan(scan, out);
  if (const store::SearchIndex* search = database.search()) take_search(search->status(), out);
  return out;
}

}  // namespace hauspost::store_worker
