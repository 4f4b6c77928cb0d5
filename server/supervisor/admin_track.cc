// track search, show and set.
#include <algorithm>

#include "server/child/track.pb.h"
#include "server/directory/track_settings.h"
#include "server/supervisor/admin_service.h"
#include "server/supervisor/ask_transport.h"

namespace hauspost::supervisor {

namespace {

constexpr Duration kTrackTime = std::chrono::seconds(60);
constexpr std::string_view kNoLogs = "the logs cannot be read";

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

}  // namespace

Task<Result<admin::TrackSearchReply>> AdminService::track_search(
    admin::TrackSearchRequest request) {
  admin::TrackSearchReply reply;
  CO_TRY_ASSIGN(*reply.mutable_found(),
                co_await ask_transport<child::wire::TrackSearchReply>(
                    supervisor_, {child::ControlMethod::kTrackSearch, kTrackTime, kNoLogs},
                    request.query().SerializeAsString()));
  co_return reply;
}

Task<Result<admin::TrackShowReply>> AdminService::track_show(admin::TrackShowRequest request) {
  admin::TrackShowReply reply;
  CO_TRY_ASSIGN(*reply.mutable_story(),
                co_await ask_transport<child::wire::TrackShowReply>(
                    supervisor_, {child::ControlMethod::kTrackShow, kTrackTime, kNoLogs},
                    request.query().SerializeAsString()));
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
