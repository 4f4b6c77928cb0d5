// metrics; session list and kill; log level.
#include "base/metrics.h"
#include "base/text.h"
#include "server/child/metrics_wire.h"
#include "server/supervisor/admin_observe_api.h"
#include "server/supervisor/admin_service.h"
#include "server/supervisor/metrics_collector.h"

namespace hauspost::supervisor {

namespace {

constexpr Duration kAnswerTime = std::chrono::seconds(10);
constexpr std::string_view kSupervisorRole = "hauspostd";
constexpr std::string_view kEveryRole = "all";

template <class Reply>
Task<Result<Reply>> ask(std::shared_ptr<link::RpcClient> control, child::ControlMethod method,
                        std::string body) {
  CO_TRY_ASSIGN(const std::string bytes,
                co_await control->call(static_cast<std::uint16_t>(method), body, kAnswerTime));
  Reply reply;
  if (!reply.ParseFromString(bytes))
    co_return fail(ErrorCode::kCorrupt, "a process's answer does not parse");
  co_return reply;
}

Result<std::shared_ptr<link::RpcClient>> frontend_of(Supervisor& supervisor) {
  auto control = supervisor.frontend().control();
  if (control) return control;
  return fail(ErrorCode::kUnavailable,
              "the front-end does not run, so there are no sessions; see: hauspost status");
}

// By the name of its role ("store"), or by its own ("store DB1").
bool is_meant(const std::string& child, const std::string& role) {
  return role == kEveryRole || iequals(child, role) ||
         iequals(child.substr(0, child.find(' ')), role);
}

using SessionsOf = std::map<std::string, std::vector<child::wire::Session*>>;

SessionsOf by_database(child::wire::SessionListReply& found) {
  SessionsOf sessions;
  for (child::wire::Session& session : *found.mutable_sessions()) {
    if (!session.database().empty()) sessions[session.database()].push_back(&session);
  }
  return sessions;
}

// What they are at, as far as their back-end knows them. One that does not answer leaves them as
// they are.
Task<void> add_states(std::shared_ptr<link::RpcClient> control,
                      std::vector<child::wire::Session*> sessions) {
  child::wire::SessionStatesRequest request;
  std::map<std::string_view, child::wire::Session*> by_id;
  for (child::wire::Session* session : sessions) {
    *request.mutable_ids() += session->id();
    by_id.emplace(session->id(), session);
  }
  const auto states = co_await ask<child::wire::SessionStatesReply>(
      std::move(control), child::ControlMethod::kSessionStates, request.SerializeAsString());
  if (!states) co_return;
  for (const child::wire::SessionState& state : states->sessions()) {
    const auto found = by_id.find(state.id());
    if (found == by_id.end()) continue;
    found->second->set_command(state.command());
    found->second->set_folder(state.folder());
  }
}

}  // namespace

Task<Result<admin::MetricsReply>> AdminService::metrics(admin::MetricsRequest) {
  const metrics::Snapshot snapshot = co_await collect_metrics(supervisor_);
  admin::MetricsReply reply;
  reply.mutable_metrics()->ParseFromString(child::metrics_to_wire(snapshot));
  reply.set_time_ms(
      std::chrono::duration_cast<Milliseconds>(system_clock().now().time_since_epoch()).count());
  co_return reply;
}

Task<Result<admin::SessionListReply>> AdminService::session_list(
    admin::SessionListRequest request) {
  CO_TRY_ASSIGN(auto control, frontend_of(supervisor_));
  admin::SessionListReply reply;
  CO_TRY_ASSIGN(*reply.mutable_found(), co_await ask<child::wire::SessionListReply>(
                                            std::move(control), child::ControlMethod::kSessionList,
                                            request.query().SerializeAsString()));
  for (auto& [database, sessions] : by_database(*reply.mutable_found())) {
    ChildProcess* const store = supervisor_.stores().find(database);
    auto worker = store == nullptr ? nullptr : store->control();
    if (worker) co_await add_states(std::move(worker), std::move(sessions));
  }
  co_return reply;
}

Task<Result<admin::SessionKillReply>> AdminService::session_kill(
    admin::SessionKillRequest request) {
  CO_TRY_ASSIGN(auto control, frontend_of(supervisor_));
  child::wire::SessionKillRequest what = request.what();
  what.set_dry_run(request.dry_run());
  admin::SessionKillReply reply;
  CO_TRY_ASSIGN(*reply.mutable_ended(), co_await ask<child::wire::SessionKillReply>(
                                            std::move(control), child::ControlMethod::kSessionKill,
                                            what.SerializeAsString()));
  co_return reply;
}

Task<Result<admin::LogLevelReply>> AdminService::log_level(admin::LogLevelRequest request) {
  const auto level = log::level_of(request.level());
  if (!level) {
    co_return fail(ErrorCode::kInvalid, "log level " + escape_for_log(request.level()) +
                                            ": one of debug, info, warning, error");
  }
  admin::LogLevelReply reply;
  if (is_meant(std::string(kSupervisorRole), request.role())) {
    log::set_level(*level);
    reply.add_changed(std::string(kSupervisorRole));
  }
  std::vector<std::pair<std::string, std::shared_ptr<link::RpcClient>>> meant;
  for (const ChildProcess* child : supervisor_.children()) {
    // One that is off on purpose is nobody to be told, unless it is asked for by its name.
    const bool off = child->facts().state == ChildProcess::State::kStopped;
    if (is_meant(child->name(), request.role()) && !(off && request.role() == kEveryRole))
      meant.emplace_back(child->name(), child->control());
  }
  for (auto& [name, control] : meant) {
    bool told = false;
    if (control) {
      const auto answered =
          co_await control->call(static_cast<std::uint16_t>(child::ControlMethod::kLogLevel),
                                 request.level(), kAnswerTime);
      told = answered.has_value();
    }
    (told ? reply.add_changed() : reply.add_unchanged())->assign(name);
  }
  if (reply.changed().empty() && reply.unchanged().empty()) {
    co_return fail(ErrorCode::kNotFound,
                   "no process is named " + escape_for_log(request.role()) +
                       "; the first column of hauspost status names them, and \"all\" means all");
  }
  co_return reply;
}

}  // namespace hauspost::supervisor
