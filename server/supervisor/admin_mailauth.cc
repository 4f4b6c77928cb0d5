// mailauth show, set, test and report.
#include "server/child/mailauth.pb.h"
#include "server/directory/mailauth_settings.h"
#include "server/supervisor/admin_service.h"
#include "server/supervisor/ask_transport.h"

namespace hauspost::supervisor {

namespace {

using directory::MailauthSettings;

// Longer than any limit on the questions about one message.
constexpr Duration kTestTime = std::chrono::seconds(70);
constexpr Duration kReloadTime = std::chrono::seconds(5);
constexpr Duration kReportTime = std::chrono::seconds(100);

template <class Reply>
Reply settings_to_wire(const MailauthSettings& settings) {
  Reply reply;
  const auto defaults = directory::in_words(MailauthSettings());
  const auto words = directory::in_words(settings);
  for (std::size_t i = 0; i < words.size(); ++i) {
    admin::MailauthSetting* one = reply.add_settings();
    one->set_name(std::string(words[i].first));
    one->set_value(words[i].second);
    one->set_default_value(defaults[i].second);
  }
  return reply;
}

}  // namespace

Task<Result<admin::MailauthShowReply>> AdminService::mailauth_show(admin::MailauthShowRequest) {
  CO_TRY_ASSIGN(const auto settings,
                directory::mailauth_settings(supervisor_.directory().reader()));
  co_return settings_to_wire<admin::MailauthShowReply>(settings);
}

Task<Result<admin::MailauthSetReply>> AdminService::mailauth_set(
    admin::MailauthSetRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  CO_TRY_ASSIGN(auto settings, directory::mailauth_settings(supervisor_.directory().reader()));
  for (const admin::MailauthSetting& one : request.settings())
    CO_TRY(directory::change(settings, one.name(), one.value()));
  if (!request.dry_run())
    CO_TRY(directory::set_mailauth_settings(supervisor_.directory(), settings));
  const auto control = supervisor_.transport().control();
  if (!request.dry_run() && control) {
    // It would see them soon by itself: what it answers does not matter.
    [[maybe_unused]] const auto told =
        co_await control->call(static_cast<std::uint16_t>(child::ControlMethod::kMailauthReload),
                               std::string_view(), kReloadTime);
  }
  co_return settings_to_wire<admin::MailauthSetReply>(settings);
}

Task<Result<admin::MailauthTestReply>> AdminService::mailauth_test(
    admin::MailauthTestRequest request) {
  admin::MailauthTestReply reply;
  CO_TRY_ASSIGN(*reply.mutable_outcome(),
                co_await ask_transport<child::wire::MailauthTestReply>(
                    supervisor_, {child::ControlMethod::kMailauthTest, kTestTime},
                    request.test().SerializeAsString()));
  co_return reply;
}

Task<Result<admin::DmarcReportShowReply>> AdminService::dmarc_report_show(
    admin::DmarcReportShowRequest request) {
  request.mutable_query()->set_send(false);
  admin::DmarcReportShowReply reply;
  CO_TRY_ASSIGN(*reply.mutable_reports(),
                co_await ask_transport<child::wire::DmarcReportReply>(
                    supervisor_, {child::ControlMethod::kDmarcReport, kReportTime},
                    request.query().SerializeAsString()));
  co_return reply;
}

Task<Result<admin::DmarcReportSendReply>> AdminService::dmarc_report_send(
    admin::DmarcReportSendRequest request) {
  request.mutable_query()->set_send(true);
  admin::DmarcReportSendReply reply;
  CO_TRY_ASSIGN(*reply.mutable_reports(),
                co_await ask_transport<child::wire::DmarcReportReply>(
                    supervisor_, {child::ControlMethod::kDmarcReport, kReportTime},
                    request.query().SerializeAsString()));
  co_return reply;
}

}  // namespace hauspost::supervisor
