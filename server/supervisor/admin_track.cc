// track search, show and set.
#include <algorithm>

#include "server/child/track.pb.h"
#include "server/directory/track_settings.h"
#include "server/supervisor/admin_service.h"

namespace hauspost::supervisor {

namespace {

constexpr Duration kTrackTime = std::chrono::seconds(60);

using directory::LogSettings;
using directory::TrackSettings;

constexpr std::pair<std::string_view, LogSettings TrackSettings::*> kTrackLogs[] = {
    {"tracking", &TrackSettings::tracking},
    {"protocol", &TrackSettings::protocol},
    {"connectivity", &TrackSettings::connectivity}};

admin::TrackSetReply to_wire(const TrackSettings& from) {
  admin::TrackSetReply to;
  for (const auto& [name, member] : kTrackLogs) {
    const LogSettings& settings = from.*member;
    admin::TrackLog* log = to.add_logs();
    log->set_name(std::string(name));
    log->set_enabled(settings.enabled);
    log->set_days(settings.days);
    log->set_total_mib(settings.total_mib);
    log->set_file_mib(settings.file_mib);
  }
  to.set_subjects(from.subjects);
  return to;
}

Result<> apply(const admin::TrackSetRequest& request, TrackSettings& settings) {
  for (const admin::TrackLog& log : request.logs()) {
    const auto* known =
        std::ranges::find(kTrackLogs, log.name(), [](const auto& entry) { return entry.first; });
    if (known == std::end(kTrackLogs)) return fail(ErrorCode::kInvalid, "no log " + log.name());
    LogSettings& one = settings.*known->second;
    if (log.has_enabled()) one.enabled = log.enabled();
    if (log.has_days()) one.days = log.days();
    if (log.has_total_mib()) one.total_mib = log.total_mib();
    if (log.has_file_mib()) one.file_mib = log.file_mib();
  }
  if (request.has_subjects()) settings.subjects = request.subjects();
  return {};
}

// kUnavailable: transport does not run.
Task<Result<std::string>> ask_transport(std::shared_ptr<link::RpcClient> control,
                                        child::ControlMethod method, std::string body) {
  if (!control) {
    co_return fail(ErrorCode::kUnavailable,
                   "the logs cannot be read: transport does not run; see: hauspost status");
  }
  co_return co_await control->call(static_cast<std::uint16_t>(method), body, kTrackTime);
}

}  // namespace

Task<Result<admin::TrackSearchReply>> AdminService::track_search(
    admin::TrackSearchRequest request) {
  CO_TRY_ASSIGN(
      const std::string bytes,
      co_await ask_transport(supervisor_.transport().control(), child::ControlMethod::kTrackSearch,
                             request.query().SerializeAsString()));
  admin::TrackSearchReply reply;
  if (!reply.mutable_found()->ParseFromString(bytes))
    co_return fail(ErrorCode::kCorrupt, "transport's answer does not parse");
  co_return reply;
}

Task<Result<admin::TrackShowReply>> AdminService::track_show(admin::TrackShowRequest request) {
  CO_TRY_ASSIGN(
      const std::string bytes,
      co_await ask_transport(supervisor_.transport().control(), child::ControlMethod::kTrackShow,
                             request.query().SerializeAsString()));
  admin::TrackShowReply reply;
  if (!reply.mutable_story()->ParseFromString(bytes))
    co_return fail(ErrorCode::kCorrupt, "transport's answer does not parse");
  co_return reply;
}

Task<Result<admin::TrackSetReply>> AdminService::track_set(admin::TrackSetRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  TrackSettings settings = directory::track_settings(supervisor_.directory().reader());
  CO_TRY(apply(request, settings));
  CO_TRY(request.dry_run() ? directory::check(settings)
                           : directory::set_track_settings(supervisor_.directory(), settings));
  co_return to_wire(settings);
}

}  // namespace hauspost::supervisor
