// The facts of an examination: of the server by the admin API, of the machine and the network by
// looking.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/durable_file.h"
#include "base/text.h"
#include "server/child/frontend.pb.h"
#include "server/child/queue.pb.h"
#include "tools/cli/ask_network.h"
#include "tools/cli/check_zone.h"
#include "tools/cli/doctor.h"
#include "tools/cli/probe_machine.h"
#include "tools/cli/setup_run.h"
#include "tools/cli/zone_facts.h"

namespace hauspost::cli {

namespace {

constexpr std::string_view kDoctorFile = "doctor.json";
constexpr std::size_t kDoctorBytesMax = 4UL << 20;

void gather_settings(DoctorFacts& facts) {
  auto settings = supervisor::load_settings(facts.data_root);
  if (settings)
    facts.settings = std::move(*settings);
  else
    facts.data_root_error = settings.error().text;
}

void gather_queues(Context& context, DoctorFacts& facts) {
  const auto reply = context.ask(admin::QueueListRequest{});
  if (!reply) return;  // transport is down, which the check of processes tells
  for (const auto& queue : reply->found().queues())
    facts.queues.push_back(
        {queue.name(), queue.state(), queue.items(), queue.failures(), queue.last_error()});
}

Outcome<> gather_nobodys(Context& context, DoctorFacts& facts) {
  std::vector<std::string> wanted;
  for (const std::string& domain : facts.zone.domains)
    for (const std::string_view name : {"postmaster", "abuse"})
      wanted.push_back(fmt::format("{}@{}", name, domain));
  SetupState state;
  TRY(find_addresses(context, wanted, state));
  for (const std::string& address : wanted)
    if (std::ranges::find(state.addresses, address) == state.addresses.end())
      facts.nobodys.push_back(address);
  return {};
}

Outcome<> gather_server(Context& context, const DoctorWish& wish, DoctorFacts& facts) {
  auto status = context.ask(admin::StatusRequest{});
  if (!status) {
    if (status.error().exit != Exit::kUnreachable) return std::unexpected(status.error());
    facts.not_running_because = status.error().text;
    return {};
  }
  facts.running = true;
  facts.status = std::move(*status);
  TRY_ASSIGN(facts.zone, zone_facts(context));
  if (!wish.domains.empty()) {
    for (const std::string& domain : wish.domains)
      if (std::ranges::find(facts.zone.domains, domain) == facts.zone.domains.end())
        return refused(ErrorCode::kNotFound,
                       fmt::format("domain \"{}\" is not accepted here; see: hauspost domain list",
                                   escape_for_log(domain)));
    facts.zone.domains = wish.domains;
  }
  TRY_ASSIGN(auto setup, context.ask(admin::SetupShowRequest{}));
  facts.setup = std::move(*setup.mutable_settings());
  TRY_ASSIGN(const auto connectors, context.ask(admin::SendConnectorListRequest{}));
  facts.connectors = {connectors.connectors().begin(), connectors.connectors().end()};
  const auto certificates = context.ask(admin::CertificateListRequest{});
  if (!certificates) {
    facts.certificates_error = certificates.error().text;
  } else {
    child::wire::CertificatesReply reply;
    for (const auto& one : certificates->certificates()) *reply.add_certificates() = one;
    facts.certificates = reply.SerializeAsString();
  }
  gather_queues(context, facts);
  return gather_nobodys(context, facts);
}

void gather_disks(DoctorFacts& facts) {
  std::set<std::string> seen{facts.data_root};
  facts.disks.push_back(look_at_disk("data root", facts.data_root));
  for (const auto& database : facts.status.databases()) {
    // One below the data root is most often on the same disk; then it was looked at.
    std::error_code code;
    const bool inside = database.path().starts_with(facts.data_root + "/") &&
                        !std::filesystem::is_symlink(database.path(), code);
    if (!inside && seen.insert(database.path()).second)
      facts.disks.push_back(look_at_disk("database " + database.name(), database.path()));
  }
}

// A smart host where mail leaves by one; nothing where none leaves.
std::string outbound_target(const DoctorFacts& facts, const DoctorWish& wish) {
  if (!wish.outbound.empty()) return wish.outbound;
  if (facts.offline) return {};
  for (const admin::SendConnector& connector : facts.connectors) {
    if (!connector.enabled() || connector.protocol() == "lmtp") continue;
    if (connector.smart_hosts().empty()) return fmt::format("mx:{}", kOutboundDomain);
    const std::string& host = connector.smart_hosts(0);
    return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, connector.port())
                                               : host;
  }
  return {};
}

Outcome<dns::ResolverOptions> resolver_of(Context& context, const DoctorWish& wish) {
  dns::ResolverOptions out;
  out.servers = wish.resolvers;
  if (!out.servers.empty()) return out;
  TRY_ASSIGN(const auto reply, context.ask(admin::DnsShowRequest{}));
  // What others publish and see is what those answer who are asked about elsewhere.
  const auto& servers = reply.settings().external_servers().empty()
                            ? reply.settings().servers()
                            : reply.settings().external_servers();
  out.servers = {servers.begin(), servers.end()};
  if (reply.settings().trust_ad() == "yes") out.trust_ad = dns::TrustAd::kYes;
  if (reply.settings().trust_ad() == "no") out.trust_ad = dns::TrustAd::kNo;
  return out;
}

// Offline a port is tried where it listens; else where the world is to find it.
std::vector<ReachFacts> ports_to_reach(const DoctorFacts& facts) {
  std::vector<ReachFacts> out;
  for (const auto& listener : facts.status.listeners()) {
    if (!listener.open()) continue;
    const bool any = listener.address() == "0.0.0.0" || listener.address() == "::";
    const bool six = listener.address().find(':') != std::string::npos;
    std::vector<std::string> addresses;
    for (const std::string& address : facts.zone.addresses)
      if ((address.find(':') != std::string::npos) == six) addresses.push_back(address);
    if (facts.offline || addresses.empty())
      addresses = {any ? (six ? "::1" : "127.0.0.1") : listener.address()};
    for (const std::string& address : addresses)
      out.push_back({listener.service(), address, static_cast<std::uint16_t>(listener.port()),
                     false, "", ""});
  }
  return out;
}

Outcome<> gather_network(Context& context, const DoctorWish& wish, DoctorFacts& facts) {
  NetworkWish network;
  network.dns = !facts.offline;
  network.hostname = facts.zone.hostname;
  network.outbound = outbound_target(facts, wish);
  network.reach = ports_to_reach(facts);
  if (network.dns) {
    TRY_ASSIGN(network.resolver, resolver_of(context, wish));
    network.questions = zone_questions(facts.zone);
    for (const std::string& domain : facts.zone.domains)
      for (const std::string& address : facts.zone.addresses)
        network.spf.emplace_back(domain, address);
  }
  NetworkAnswers answers = ask_network(std::move(network));
  facts.dns = std::move(answers.dns);
  facts.reach = std::move(answers.reach);
  facts.outbound = std::move(answers.outbound);
  return {};
}

Verdict verdict_of_word(std::string_view word) {
  for (const Verdict one : {Verdict::kGood, Verdict::kWarning, Verdict::kFault})
    if (word == verdict_word(one)) return one;
  return Verdict::kSkipped;
}

}  // namespace

Outcome<DoctorFacts> gather_facts(Context& context, const DoctorWish& wish) {
  DoctorFacts facts;
  facts.now_s = std::chrono::floor<Seconds>(system_clock().now()).time_since_epoch().count();
  facts.program_version = HAUSPOST_VERSION;
  facts.limits = wish.limits;
  TRY_ASSIGN(facts.data_root, context.data_root());
  gather_settings(facts);
  TRY(gather_server(context, wish, facts));
  facts.offline = wish.offline || facts.setup.private_box();
  gather_disks(facts);
  facts.clock = wish.ntp.empty() ? look_at_clock() : ask_time(wish.ntp);
  facts.ports = look_at_ports(facts.settings.listeners);
  facts.own_addresses = all_machine_addresses();
  if (facts.running) TRY(gather_network(context, wish, facts));
  return facts;
}

std::optional<LastExamination> read_last(const std::string& data_root) {
  const auto text = read_small_file(fmt::format("{}/{}", data_root, kDoctorFile), kDoctorBytesMax);
  if (!text) return std::nullopt;
  const Json file = Json::parse(*text, nullptr, false);
  if (!file.is_object() || !file.contains("findings") || !file["findings"].is_array() ||
      !file.contains("time_s") || !file["time_s"].is_number_integer())
    return std::nullopt;
  LastExamination out;
  out.time_s = file["time_s"].get<std::int64_t>();
  for (const Json& one : file["findings"]) {
    const auto text_of = [&](const char* key) {
      return one.is_object() && one.contains(key) && one[key].is_string()
                 ? one[key].get<std::string>()
                 : std::string();
    };
    out.findings.push_back({text_of("check"), text_of("object"),
                            verdict_of_word(text_of("verdict")), text_of("text")});
  }
  return out;
}

Result<> write_last(const std::string& data_root, std::int64_t time_s, const Findings& findings,
                    const std::vector<Remembered>& before) {
  Json list = Json::array();
  std::set<std::pair<std::string, std::string>> told;
  const auto add = [&](const std::string& check, const std::string& object, Verdict verdict,
                       const std::string& text) {
    if (verdict == Verdict::kSkipped || !told.emplace(check, object).second) return;
    list.push_back(
        {{"check", check}, {"object", object}, {"verdict", verdict_word(verdict)}, {"text", text}});
  };
  for (const Finding& one : worst_of_each(findings))
    add(one.check, one.object, one.verdict, one.text);
  // What was not looked at this time is as it was.
  for (const Remembered& one : before) add(one.check, one.object, one.verdict, one.text);
  const Json file = {{"time_s", time_s}, {"findings", list}};
  return replace_file(fmt::format("{}/{}", data_root, kDoctorFile),
                      file.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace hauspost::cli
