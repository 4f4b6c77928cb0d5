#include "server/transport_worker/worker_dns.h"

#include <ifaddrs.h>
#include <netdb.h>

#include "base/beat.h"
#include "base/log.h"

namespace hauspost::transport_worker {

namespace {

constexpr Seconds kReportsEvery{60};
constexpr Seconds kFetchTime{60};  // RFC 8461 section 3.3
constexpr auto kUnreadable = dns::TlsFailure::kStsPolicyFetchError;

dns::ResolverOptions options_of(const directory::DnsSettings& settings, bool external) {
  dns::ResolverOptions options;
  options.servers =
      external && !settings.external_servers.empty() ? settings.external_servers : settings.servers;
  options.timeout = Milliseconds(settings.timeout_ms);
  options.tries = settings.tries;
  using Trust = directory::DnsSettings::TrustAd;
  options.trust_ad = settings.trust_ad == Trust::kYes  ? dns::TrustAd::kYes
                     : settings.trust_ad == Trust::kNo ? dns::TrustAd::kNo
                                                       : dns::TrustAd::kAuto;
  return options;
}

// What cannot be read has its default: mail goes on.
directory::DnsSettings settings_of(const directory::DirectoryReader& reader) {
  auto settings = directory::dns_settings(reader);
  if (settings) return std::move(*settings);
  log::error("directory.unreadable", {{"cause", settings.error()}});
  return {};
}

std::vector<std::string> addresses_of_machine() {
  std::vector<std::string> all{"0.0.0.0", "::"};
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return all;
  for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    const int family = one->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    char text[NI_MAXHOST] = "";
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (::getnameinfo(one->ifa_addr, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0)
      continue;
    std::string address(text);
    all.push_back(address.substr(0, address.find('%')));
  }
  ::freeifaddrs(first);
  return all;
}

dns::HopOptions hop_options(const std::string& hostname) {
  dns::HopOptions options;
  options.own_names = {hostname, "localhost"};
  options.own_addresses = addresses_of_machine();
  return options;
}

}  // namespace

// Policies come by the helper program that reads the web: its TLS library is not ours.
class WorkerDns::Fetcher final : public dns::PolicyFetcher {
 public:
  Fetcher(Executor executor, dns::Resolver& resolver)
      : resolver_(resolver), pool_(executor, settings()) {}

  void configure(std::string more_ca_file, std::string proxy) {
    more_ca_file_ = std::move(more_ca_file);
    proxy_ = std::move(proxy);
  }

  Task<std::expected<std::string, Failure>> fetch(std::string url) override {
    helpers::Fields question{{"url", url},
                             {"timeout_s", std::to_string(kFetchTime.count())},
                             {"bytes_max", std::to_string(dns::kStsPolicyBytesMax)},
                             {"more_ca_file", more_ca_file_},
                             {"proxy", proxy_}};
    if (proxy_.empty()) {
      const auto begin = url.find("://") + 3;
      const std::string host = url.substr(begin, url.find('/', begin) - begin);
      const std::string address = co_await address_of(host);
      if (address.empty()) co_return std::unexpected(Failure{kUnreadable, "no address of " + host});
      question["address"] = address;
    }
    auto answer = co_await pool_.ask(std::move(question));
    if (!answer) co_return std::unexpected(Failure{kUnreadable, answer.error().text});
    if (helpers::field(*answer, helpers::kOutcome) == helpers::kGood)
      co_return std::move((*answer)["body"]);
    const bool tls = helpers::field(*answer, "kind") == "tls";
    co_return std::unexpected(Failure{tls ? dns::TlsFailure::kStsWebpkiInvalid : kUnreadable,
                                      std::string(helpers::field(*answer, helpers::kReason))});
  }

 private:
  static child::HelperPool::Settings settings() {
    child::HelperPool::Settings settings;
    settings.program = child::helper_path("hauspost-auth-fetch");
    settings.processes_max = 2;
    settings.timeout = kFetchTime + Seconds(5);
    return settings;
  }
  Task<std::string> address_of(std::string host) {
    const auto v4 = co_await resolver_.a(host);
    if (v4.found()) co_return v4.records.front();
    const auto v6 = co_await resolver_.aaaa(host);
    co_return v6.found() ? v6.records.front() : std::string();
  }

  dns::Resolver& resolver_;
  child::HelperPool pool_;
  std::string more_ca_file_;
  std::string proxy_;
};

WorkerDns::WorkerDns(Executor executor, const std::string& data_root, std::string hostname,
                     const directory::DirectoryReader& reader, const Clock& clock,
                     dns::TlsReporter::Mailer mailer)
    : executor_(executor),
      reader_(reader),
      clock_(clock),
      hostname_(std::move(hostname)),
      settings_(settings_of(reader)),
      resolver_(executor, options_of(settings_, false)),
      external_(executor, options_of(settings_, true)),
      outside_(resolver_),
      fetcher_(std::make_unique<Fetcher>(executor, outside_)),
      policies_(executor, outside_, *fetcher_, clock, {.folder = data_root + "/mta-sts"}),
      reports_(clock, {.folder = data_root + "/tls-reports"}),
      reporter_(reports_, outside_, clock, std::move(mailer)),
      hops_(outside_, &policies_, hop_options(hostname_), reports_) {
  hops_.ask_about_hosts(resolver_);
  apply_settings();
}

WorkerDns::~WorkerDns() = default;

Task<dns::Answer<dns::Mx>> WorkerDns::Outside::mx(std::string name) {
  return now_->mx(std::move(name));
}
Task<dns::Answer<std::string>> WorkerDns::Outside::a(std::string name) {
  return now_->a(std::move(name));
}
Task<dns::Answer<std::string>> WorkerDns::Outside::aaaa(std::string name) {
  return now_->aaaa(std::move(name));
}
Task<dns::Answer<std::string>> WorkerDns::Outside::txt(std::string name) {
  return now_->txt(std::move(name));
}
Task<dns::Answer<dns::Tlsa>> WorkerDns::Outside::tlsa(std::string name) {
  return now_->tlsa(std::move(name));
}
Task<dns::Answer<std::string>> WorkerDns::Outside::ptr(std::string address) {
  return now_->ptr(std::move(address));
}

void WorkerDns::apply_settings() {
  settings_ = settings_of(reader_);
  resolver_.configure(options_of(settings_, false));
  external_.configure(options_of(settings_, true));
  outside_.turn_to(settings_.external_servers.empty() ? resolver_ : external_);
  fetcher_->configure(settings_.sts_ca_file, settings_.web_proxy);
  hops_.follow(settings_.sts ? &policies_ : nullptr);
  dns::TlsReporterSettings told{settings_.tls_reports, hostname_, settings_.tls_report_from,
                                settings_.tls_report_organization};
  if (told.from.empty()) told.from = "postmaster@" + hostname_;
  if (told.organization.empty()) told.organization = hostname_;
  reporter_.configure(std::move(told));
}

void WorkerDns::start(TaskGroup& tasks) {
  tasks.spawn("dns settings", follow_settings());
  tasks.spawn("tls reports", send_reports());
}

void WorkerDns::save() {
  if (const auto saved = reports_.save(); !saved)
    log::warning("tls_report.unsaved", {{"cause", saved.error()}});
}

Task<void> WorkerDns::follow_settings() {
  do {
    const auto version = reader_.version();
    if (!version || *version == version_) continue;
    version_ = *version;
    apply_settings();
  } while (co_await sleep_to_beat());
}

Task<void> WorkerDns::send_reports() {
  while (co_await sleep_to_beat(kReportsEvery)) co_await reporter_.tick();
}

}  // namespace hauspost::transport_worker
