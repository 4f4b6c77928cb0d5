// web show and set.
#include <fmt/format.h>

#include "base/text.h"
#include "server/directory/client_settings.h"
#include "server/directory/web_settings.h"
#include "server/supervisor/admin_service.h"
#include "server/supervisor/admin_web_api.h"

namespace hauspost::supervisor {

namespace {

Result<> apply(const admin::WebSetRequest& request, directory::WebSettings& settings) {
  if (request.has_mta_sts_mode()) {
    const auto mode = directory::parse_sts_mode(request.mta_sts_mode());
    if (!mode) return fail(ErrorCode::kInvalid, "the mode of MTA-STS is off, testing or enforce");
    settings.sts_mode = *mode;
  }
  if (request.has_mta_sts_max_age_s()) settings.sts_max_age_s = request.mta_sts_max_age_s();
  if (request.has_mta_sts_mx()) {
    settings.sts_mx.clear();
    for (const std::string& name : request.mta_sts_mx().names())
      settings.sts_mx.push_back(ascii_lower(name));
  }
  if (request.has_title()) settings.title = request.title();
  return {};
}

Result<admin::WebSettings> describe_web(Supervisor& supervisor,
                                        const directory::WebSettings& settings) {
  const auto& reader = supervisor.directory().reader();
  const std::string& hostname = supervisor.settings().hostname;
  admin::WebSettings out;
  out.set_mta_sts_mode(std::string(directory::to_string(settings.sts_mode)));
  out.set_mta_sts_max_age_s(settings.sts_max_age_s);
  for (const std::string& name : settings.sts_mx) out.add_mta_sts_mx(name);
  out.set_title(settings.title);
  out.set_policy(directory::web_policy_text(settings, hostname));
  out.set_policy_id(directory::web_policy_id(settings, hostname));
  TRY_ASSIGN(const bool enabled, reader.service_enabled("web"));
  out.set_enabled(enabled);
  for (const FrontendListeners::Listener& one : supervisor.listeners().all()) {
    if (switching_service(one.settings.service) == "web")
      out.add_endpoints(fmt::format("{} {}", one.settings.service, one.settings.endpoint()));
  }
  TRY_ASSIGN(const auto advertised, directory::advertised_settings(reader));
  for (const directory::Advertised& one : advertised) {
    out.add_advertised(fmt::format("{} {}", one.protocol,
                                   directory::to_string({one.host, one.port, one.encryption})));
  }
  return out;
}

}  // namespace

Task<Result<admin::WebShowReply>> AdminService::web_show(admin::WebShowRequest) {
  const auto ask = directory::asking(supervisor_.directory().reader());
  admin::WebShowReply reply;
  CO_TRY_ASSIGN(*reply.mutable_settings(), describe_web(supervisor_, directory::web_settings(ask)));
  co_return reply;
}

Task<Result<admin::WebSetReply>> AdminService::web_set(admin::WebSetRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  const auto ask = directory::asking(supervisor_.directory().reader());
  auto settings = directory::web_settings(ask);
  CO_TRY(apply(request, settings));
  CO_TRY(request.dry_run() ? directory::check(settings)
                           : directory::set_web_settings(supervisor_.directory(), settings));
  admin::WebSetReply reply;
  CO_TRY_ASSIGN(*reply.mutable_settings(), describe_web(supervisor_, settings));
  co_return reply;
}

}  // namespace hauspost::supervisor
