// dns and tls-report verbs.
#include "server/directory/dns_settings.h"
#include "server/supervisor/admin_service.h"
#include "server/supervisor/ask_transport.h"

namespace hauspost::supervisor {

namespace {

using directory::DnsSettings;

// A question to the DNS may take its whole deadline, look-ups of a domain's hosts several.
constexpr Duration kDnsTime = std::chrono::seconds(100);
constexpr Duration kDnsStateTime = std::chrono::seconds(3);

admin::DnsSettings to_wire(const DnsSettings& from) {
  admin::DnsSettings to;
  for (const std::string& server : from.servers) to.add_servers(server);
  for (const std::string& server : from.external_servers) to.add_external_servers(server);
  to.set_trust_ad(std::string(directory::to_string(from.trust_ad)));
  to.set_timeout_ms(from.timeout_ms);
  to.set_tries(from.tries);
  to.set_sts(from.sts);
  to.set_sts_ca_file(from.sts_ca_file);
  to.set_web_proxy(from.web_proxy);
  to.set_tls_reports(from.tls_reports);
  to.set_tls_report_from(from.tls_report_from);
  to.set_tls_report_organization(from.tls_report_organization);
  return to;
}

Result<DnsSettings::TrustAd> trust_from(const std::string& word) {
  using enum DnsSettings::TrustAd;
  for (const auto trust : {kAuto, kYes, kNo})
    if (word == directory::to_string(trust)) return trust;
  return fail(ErrorCode::kInvalid, "trust-ad is auto, yes or no");
}

// What `request` names is changed, the rest stays.
Result<> apply(const admin::DnsSetRequest& request, DnsSettings& settings) {
  const auto list = [](const admin::DnsServerList& from) {
    return std::vector<std::string>(from.servers().begin(), from.servers().end());
  };
  if (request.has_servers()) settings.servers = list(request.servers());
  if (request.has_external_servers()) settings.external_servers = list(request.external_servers());
  if (request.has_trust_ad()) {
    TRY_ASSIGN(settings.trust_ad, trust_from(request.trust_ad()));
  }
  if (request.has_timeout_ms()) settings.timeout_ms = request.timeout_ms();
  if (request.has_tries()) settings.tries = request.tries();
  if (request.has_sts()) settings.sts = request.sts();
  if (request.has_sts_ca_file()) settings.sts_ca_file = request.sts_ca_file();
  if (request.has_web_proxy()) settings.web_proxy = request.web_proxy();
  if (request.has_tls_reports()) settings.tls_reports = request.tls_reports();
  if (request.has_tls_report_from()) settings.tls_report_from = request.tls_report_from();
  if (request.has_tls_report_organization())
    settings.tls_report_organization = request.tls_report_organization();
  return {};
}

// kUnavailable: transport does not run.
template <class Reply, class Request>
Task<Result<Reply>> ask_names(Supervisor& supervisor, child::ControlMethod method,
                              const Request& request, Duration timeout = kDnsTime) {
  return ask_transport<Reply>(supervisor, {method, timeout, "nobody asks the DNS"},
                              request.SerializeAsString());
}

}  // namespace

Task<Result<admin::DnsShowReply>> AdminService::dns_show(admin::DnsShowRequest) {
  CO_TRY_ASSIGN(const auto settings, directory::dns_settings(supervisor_.directory().reader()));
  admin::DnsShowReply reply;
  *reply.mutable_settings() = to_wire(settings);
  auto state = co_await ask_names<child::wire::DnsCacheReply>(
      supervisor_, child::ControlMethod::kDnsCache, child::wire::DnsCacheRequest(), kDnsStateTime);
  if (state) *reply.mutable_state() = std::move(*state);
  co_return reply;
}

Task<Result<admin::DnsSetReply>> AdminService::dns_set(admin::DnsSetRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  CO_TRY_ASSIGN(auto settings, directory::dns_settings(supervisor_.directory().reader()));
  CO_TRY(apply(request, settings));
  // Unread it would leave every policy unfetched, and mail to their domains unprotected.
  if (request.has_sts_ca_file() && settings.sts_ca_file.starts_with('/')) {
    CO_TRY(supervisor_.ownership().lend(settings.sts_ca_file, child::Role::kTransport,
                                        Ownership::Need::kRead));
  }
  CO_TRY(request.dry_run() ? directory::check(settings)
                           : directory::set_dns_settings(supervisor_.directory(), settings));
  admin::DnsSetReply reply;
  *reply.mutable_settings() = to_wire(settings);
  co_return reply;
}

Task<Result<admin::DnsLookupReply>> AdminService::dns_lookup(admin::DnsLookupRequest request) {
  admin::DnsLookupReply reply;
  CO_TRY_ASSIGN(*reply.mutable_answer(),
                co_await ask_names<child::wire::DnsLookupReply>(
                    supervisor_, child::ControlMethod::kDnsLookup, request.query()));
  co_return reply;
}

Task<Result<admin::DnsHopsReply>> AdminService::dns_hops(admin::DnsHopsRequest request) {
  admin::DnsHopsReply reply;
  CO_TRY_ASSIGN(*reply.mutable_answer(),
                co_await ask_names<child::wire::DnsHopsReply>(
                    supervisor_, child::ControlMethod::kDnsHops, request.query()));
  co_return reply;
}

Task<Result<admin::DnsCacheReply>> AdminService::dns_cache(admin::DnsCacheRequest request) {
  child::wire::DnsCacheRequest asked;
  asked.set_name(request.name());
  asked.set_limit(request.limit());
  admin::DnsCacheReply reply;
  CO_TRY_ASSIGN(*reply.mutable_cache(),
                co_await ask_names<child::wire::DnsCacheReply>(
                    supervisor_, child::ControlMethod::kDnsCache, std::move(asked)));
  co_return reply;
}

Task<Result<admin::DnsFlushReply>> AdminService::dns_flush(admin::DnsFlushRequest request) {
  child::wire::DnsCacheRequest asked;
  asked.set_flush(true);
  asked.set_name(request.name());
  asked.set_policies(request.policies());
  CO_TRY_ASSIGN(const auto done,
                co_await ask_names<child::wire::DnsCacheReply>(
                    supervisor_, child::ControlMethod::kDnsCache, std::move(asked)));
  admin::DnsFlushReply reply;
  reply.set_answers(done.flushed());
  reply.set_policies(done.policies_flushed());
  co_return reply;
}

Task<Result<admin::TlsReportShowReply>> AdminService::tls_report_show(
    admin::TlsReportShowRequest request) {
  child::wire::TlsReportRequest asked;
  asked.set_domain(request.domain());
  asked.set_date(request.date());
  admin::TlsReportShowReply reply;
  CO_TRY_ASSIGN(*reply.mutable_report(),
                co_await ask_names<child::wire::TlsReportReply>(
                    supervisor_, child::ControlMethod::kTlsReport, std::move(asked)));
  co_return reply;
}

Task<Result<admin::TlsReportSendReply>> AdminService::tls_report_send(
    admin::TlsReportSendRequest request) {
  child::wire::TlsReportRequest asked;
  asked.set_send(true);
  asked.set_domain(request.domain());
  asked.set_today(request.now());
  admin::TlsReportSendReply reply;
  CO_TRY_ASSIGN(*reply.mutable_report(),
                co_await ask_names<child::wire::TlsReportReply>(
                    supervisor_, child::ControlMethod::kTlsReport, std::move(asked)));
  co_return reply;
}

}  // namespace hauspost::supervisor
