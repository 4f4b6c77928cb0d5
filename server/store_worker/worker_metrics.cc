#include "server/store_worker/worker_metrics.h"

#include "server/child/sessions.pb.h"
#include "store/search/search_index.h"

namespace hauspost::store_worker {

namespace {

constexpr std::size_t kGuidBytes = 16;

void measure_search(const store::SearchIndex::Status& search, metrics::Snapshot& out) {
  out.gauge("hauspost_search_backlog_messages", "Messages that the search index does not know yet.",
            static_cast<double>(search.behind));
  out.gauge("hauspost_search_index_bytes", "Size of the search index.",
            static_cast<double>(search.bytes));
  out.gauge("hauspost_search_up",
            "1 while the search index is current or being built, 0 when it failed or is paused.",
            search.state == store::SearchIndex::State::kCurrent ||
                    search.state == store::SearchIndex::State::kBuilding
                ? 1
                : 0);
}

}  // namespace

void measure_database(const store::Database& database, const store::ScanState& scan,
                      metrics::Snapshot& out) {
  const store::Database::Statistics now = database.statistics();
  const auto gauge = [&out](std::string_view name, std::string_view help, std::uint64_t value) {
    out.gauge(name, help, static_cast<double>(value));
  };
  gauge("hauspost_store_log_bytes", "Size of the change log.", now.log_bytes);
  gauge("hauspost_store_live_body_bytes", "Bodies of messages that are kept.", now.live_body_bytes);
  gauge("hauspost_store_dead_body_bytes", "Bodies of messages that are gone, in the log still.",
        now.dead_body_bytes);
  gauge("hauspost_store_compactable_bytes", "What compacting would give back.",
        now.compactable_bytes);
  gauge("hauspost_store_index_bytes", "Pages of the index in use.", now.index_bytes);
  gauge("hauspost_store_index_free_bytes", "Of these, pages that hold nothing.",
        now.index_free_bytes);
  gauge("hauspost_store_index_file_bytes", "Size of the index on the disk.", now.index_file_bytes);
  gauge("hauspost_store_mailboxes", "Mailboxes in the database.", now.mailboxes);
  gauge("hauspost_store_messages", "Messages in the database.", now.messages);
  gauge("hauspost_store_checkpoint_lag_records",
        "Records of the log that a recovery after a loss of power would read again.",
        now.last_lsn.value - std::min(now.last_lsn.value, now.checkpoint_lsn.value));
  gauge("hauspost_store_damaged_messages", "Places of damage that the maintenance scan has found.",
        scan.damage.size());
  out.counter("hauspost_store_commits_total", "Commits since the mount.",
              static_cast<double>(now.commits));
  out.counter("hauspost_store_records_total", "Records written to the log since the mount.",
              static_cast<double>(now.records));
  if (const store::SearchIndex* search = database.search()) measure_search(search->status(), out);
}

Result<std::string> session_states(const store::Database& database,
                                   const std::unordered_map<Guid, SessionActivity>& activities,
                                   const std::string& body) {
  child::wire::SessionStatesRequest request;
  if (!request.ParseFromString(body) || request.ids().size() % kGuidBytes != 0)
    return fail(ErrorCode::kInvalid, "the request about sessions does not parse");
  const store::Snapshot snapshot = database.snapshot();
  child::wire::SessionStatesReply reply;
  for (std::string_view ids = request.ids(); !ids.empty(); ids.remove_prefix(kGuidBytes)) {
    const auto id = Guid::from_bytes(ids.substr(0, kGuidBytes));
    const auto found = id ? activities.find(*id) : activities.end();
    if (found == activities.end()) continue;
    child::wire::SessionState* state = reply.add_sessions();
    state->set_id(std::string(id->as_bytes()));
    state->set_command(std::string(found->second.command));
    if (found->second.folder.value == 0) continue;
    if (const auto folder = snapshot.folder(found->second.folder)) state->set_folder(folder->path);
  }
  return reply.SerializeAsString();
}

}  // namespace hauspost::store_worker
