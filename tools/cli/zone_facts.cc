#include "tools/cli/zone_facts.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/durable_file.h"
#include "base/network.h"
#include "base/tls/certificate_facts.h"
#include "base/tls/key_digest.h"
#include "server/child/frontend.pb.h"
#include "server/supervisor/admin_setup_api.h"
#include "server/supervisor/admin_web_api.h"

namespace hauspost::cli {

namespace {

// IANA's registries of special-purpose addresses (RFC 6890), as far as they are not global.
constexpr std::string_view kNotPublic =
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 "
    "192.168.0.0/16 198.18.0.0/15 224.0.0.0/3 ::/127 64:ff9b:1::/48 100::/64 fc00::/7 fe80::/10 "
    "ff00::/8";

constexpr std::size_t kCertificateBytesMax = 1UL << 20;

std::string text_of_address(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address->sa_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text,
                sizeof text);
  } else if (address->sa_family == AF_INET6) {
    const in6_addr& six = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    if (!IN6_IS_ADDR_LINKLOCAL(&six)) ::inet_ntop(AF_INET6, &six, text, sizeof text);
  }
  return text;
}

template <class Repeated>
std::vector<std::string> strings_of(const Repeated& words) {
  return {words.begin(), words.end()};
}

// Of the certificate that clients of `hostname` are shown.
std::string served_key_digest(const admin::CertificateListReply& reply,
                              const std::string& hostname) {
  for (const auto& certificate : reply.certificates()) {
    const bool ours = std::ranges::any_of(certificate.names(), [&](const std::string& name) {
      return tls::name_matches(name, hostname);
    });
    if (!ours || !certificate.in_use()) continue;
    // The front-end names the file: it may be anything.
    const auto pem = read_small_file(certificate.certificate_file(), kCertificateBytesMax);
    const auto digest = pem ? tls::key_digest(*pem) : fail(pem.error());
    if (digest) return *digest;
  }
  return {};
}

void add_setup_facts(const admin::SetupSettings& settings, ZoneFacts& facts) {
  facts.addresses = strings_of(settings.public_addresses());
  facts.dmarc_policy = settings.dmarc_policy();
  facts.dmarc_reports_to = settings.dmarc_reports_to();
  facts.tls_reports_to = settings.tls_reports_to();
  facts.authorities = strings_of(settings.authorities());
  facts.spf = strings_of(settings.spf());
}

void add_status_facts(const admin::StatusReply& status, ZoneFacts& facts) {
  facts.hostname = status.hostname();
  for (const auto& listener : status.listeners())
    if (listener.open())
      facts.ports.push_back({listener.service(), static_cast<std::uint16_t>(listener.port())});
  for (const auto& service : status.services())
    if (service.name() == "web") facts.web = service.enabled();
}

}  // namespace

Result<std::string> file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(errno_error(path, errno == 0 ? EIO : errno));
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

std::vector<std::string> machine_addresses() {
  std::vector<std::string> out;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return out;
  for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || (one->ifa_flags & IFF_LOOPBACK) != 0 ||
        (one->ifa_flags & IFF_UP) == 0)
      continue;
    std::string text = text_of_address(one->ifa_addr);
    if (!text.empty() && std::ranges::find(out, text) == out.end()) out.push_back(std::move(text));
  }
  ::freeifaddrs(first);
  return out;
}

bool is_public_address(const std::string& address) {
  static const auto networks = parse_networks(kNotPublic);
  return networks && Network::parse(address) && !contains(*networks, address);
}

std::vector<std::string> listening_addresses(const admin::StatusReply& status) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& address) {
    if (std::ranges::find(out, address) == out.end()) out.push_back(address);
  };
  for (const auto& listener : status.listeners()) {
    if (listener.service() != "smtp") continue;
    const bool any4 = listener.address() == "0.0.0.0";
    const bool any6 = listener.address() == "::";
    if (!any4 && !any6) add(listener.address());
    if (!any4 && !any6) continue;
    for (const std::string& address : machine_addresses())
      if ((address.find(':') != std::string::npos) == any6) add(address);
  }
  return out;
}

Outcome<ZoneFacts> zone_facts(Context& context) {
  ZoneFacts facts;
  TRY_ASSIGN(const auto setup, context.ask(admin::SetupShowRequest{}));
  add_setup_facts(setup.settings(), facts);
  TRY_ASSIGN(const auto status, context.ask(admin::StatusRequest{}));
  add_status_facts(status, facts);
  if (facts.addresses.empty()) facts.addresses = listening_addresses(status);
  TRY_ASSIGN(const auto domains, context.ask(admin::DomainListRequest{}));
  for (const auto& domain : domains.domains()) facts.domains.push_back(domain.name());
  TRY_ASSIGN(const auto keys, context.ask(admin::DkimListRequest{}));
  for (const auto& key : keys.keys())
    facts.dkim.push_back(
        {key.domain(), key.selector(), key.state(), key.record_name(), key.record()});
  facts.tlsa = setup.settings().tlsa();
  TRY_ASSIGN(const auto web, context.ask(admin::WebShowRequest{}));
  if (!web.settings().policy_id().empty())
    facts.sts.push_back(
        {web.settings().mta_sts_mode(), web.settings().policy_id(), web.settings().policy()});
  // The front-end may not answer just now: the rest of the facts stands.
  if (const auto certificates = context.ask(admin::CertificateListRequest{}); certificates)
    facts.key_digest = served_key_digest(*certificates, facts.hostname);
  return facts;
}

}  // namespace hauspost::cli
