// pop3 show and set.
#include "server/directory/pop3_settings.h"
#include "server/supervisor/admin_service.h"
#include "server/supervisor/connection_wire.h"

namespace hauspost::supervisor {

namespace {

admin::Pop3Settings to_wire(const directory::Pop3Settings& from) {
  admin::Pop3Settings to;
  to.set_sort_order(from.newest_first ? admin::POP3_SORT_ORDER_NEWEST_FIRST
                                      : admin::POP3_SORT_ORDER_OLDEST_FIRST);
  to.set_sessions_per_account_max(from.sessions_per_account_max);
  to.set_login_s(from.login_s);
  to.set_idle_s(from.idle_s);
  to.set_line_bytes_max(from.line_bytes_max);
  return to;
}

// What `request` names is changed, the rest stays.
void apply(const admin::Pop3SetRequest& request, directory::Pop3Settings& settings) {
  if (request.has_sort_order())
    settings.newest_first = request.sort_order() == admin::POP3_SORT_ORDER_NEWEST_FIRST;
  if (request.has_sessions_per_account_max())
    settings.sessions_per_account_max = request.sessions_per_account_max();
  if (request.has_login_s()) settings.login_s = request.login_s();
  if (request.has_idle_s()) settings.idle_s = request.idle_s();
  if (request.has_line_bytes_max()) settings.line_bytes_max = request.line_bytes_max();
}

}  // namespace

Task<Result<admin::Pop3ShowReply>> AdminService::pop3_show(admin::Pop3ShowRequest) {
  CO_TRY_ASSIGN(const auto settings, directory::pop3_settings(supervisor_.directory().reader()));
  admin::Pop3ShowReply reply;
  *reply.mutable_settings() = to_wire(settings);
  show_connections<admin::Pop3SetRequest>(supervisor_.directory().reader(), "pop3", nullptr,
                                          *reply.mutable_settings());
  co_return reply;
}

Task<Result<admin::Pop3SetReply>> AdminService::pop3_set(admin::Pop3SetRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  CO_TRY_ASSIGN(auto settings, directory::pop3_settings(supervisor_.directory().reader()));
  apply(request, settings);
  CO_TRY(directory::check(settings));
  CO_TRY(set_connections(supervisor_.directory(), "pop3",
                         request.has_external() ? &request.external() : nullptr,
                         request.has_internal() ? &request.internal() : nullptr,
                         request.dry_run()));
  CO_TRY(request.dry_run() ? directory::check(settings)
                           : directory::set_pop3_settings(supervisor_.directory(), settings));
  admin::Pop3SetReply reply;
  *reply.mutable_settings() = to_wire(settings);
  show_connections(supervisor_.directory().reader(), "pop3", &request,
                   *reply.mutable_settings());
  co_return reply;
}

}  // namespace hauspost::supervisor
