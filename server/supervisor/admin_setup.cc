// What the DNS is to say of the server: shown and set.
#include "server/directory/setup_settings.h"
#include "server/supervisor/admin_service.h"
#include "server/supervisor/admin_setup_api.h"

namespace hauspost::supervisor {

namespace {

void settings_to_wire(const directory::SetupSettings& settings, admin::SetupSettings& out) {
  for (const std::string& one : settings.public_addresses) out.add_public_addresses(one);
  out.set_dmarc_policy(settings.dmarc_policy);
  out.set_dmarc_reports_to(settings.dmarc_reports_to);
  out.set_tls_reports_to(settings.tls_reports_to);
  for (const std::string& one : settings.authorities) out.add_authorities(one);
  for (const std::string& one : settings.spf) out.add_spf(one);
  out.set_private_box(settings.private_box);
  out.set_administrator(settings.administrator);
  out.set_tlsa(settings.tlsa);
  out.set_under_way(settings.under_way);
}

directory::SetupSettings settings_from_wire(const admin::SetupSettings& settings) {
  directory::SetupSettings out;
  out.public_addresses.assign(settings.public_addresses().begin(),
                              settings.public_addresses().end());
  if (!settings.dmarc_policy().empty()) out.dmarc_policy = settings.dmarc_policy();
  out.dmarc_reports_to = settings.dmarc_reports_to();
  out.tls_reports_to = settings.tls_reports_to();
  out.authorities.assign(settings.authorities().begin(), settings.authorities().end());
  out.spf.assign(settings.spf().begin(), settings.spf().end());
  out.private_box = settings.private_box();
  out.administrator = settings.administrator();
  out.tlsa = settings.tlsa();
  out.under_way = settings.under_way();
  return out;
}

}  // namespace

Task<Result<admin::SetupShowReply>> AdminService::setup_show(admin::SetupShowRequest) {
  CO_TRY_ASSIGN(const auto settings, directory::setup_settings(supervisor_.directory().reader()));
  admin::SetupShowReply reply;
  settings_to_wire(settings, *reply.mutable_settings());
  co_return reply;
}

Task<Result<admin::SetupSetReply>> AdminService::setup_set(admin::SetupSetRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  const auto settings = settings_from_wire(request.settings());
  CO_TRY(directory::check(settings));
  if (!request.dry_run()) CO_TRY(directory::set_setup_settings(supervisor_.directory(), settings));
  admin::SetupSetReply reply;
  settings_to_wire(settings, *reply.mutable_settings());
  co_return reply;
}

}  // namespace hauspost::supervisor
