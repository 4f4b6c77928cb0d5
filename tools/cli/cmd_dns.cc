// The DNS as transport asks it: settings, questions, what is remembered.
#include <fmt/format.h>

#include "base/text.h"
#include "tools/cli/amount.h"
#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct DnsOptions {
  std::string name;
  std::string type = "MX";
  std::uint32_t limit = 100;
  bool external = false;
  bool require_tls = false;
  bool policies = false;
};

struct DnsSetOptions {
  std::vector<std::string> servers;
  std::vector<std::string> external_servers;
  std::optional<std::string> trust_ad;
  std::string timeout;
  std::optional<std::uint32_t> tries;
  std::string sts;
  std::optional<std::string> sts_ca_file;
  std::optional<std::string> web_proxy;
  std::string tls_reports;
  std::optional<std::string> report_from;
  std::optional<std::string> report_organization;
  bool dry_run = false;
};

// Stand for an empty value where one word is needed.
constexpr std::string_view kSystemServers = "system";
constexpr std::string_view kNothing = "none";

std::string outcome_word(child::wire::DnsOutcome outcome) {
  switch (outcome) {
    case child::wire::DNS_OUTCOME_FOUND: return "found";
    case child::wire::DNS_OUTCOME_NO_DATA: return "no-data";
    case child::wire::DNS_OUTCOME_NO_NAME: return "no-name";
    case child::wire::DNS_OUTCOME_TEMPORARY: return "no-answer";
    default: return "?";
  }
}

template <class Strings>
Json json_strings(const Strings& strings) {
  Json out = Json::array();
  for (const std::string& one : strings) out.push_back(one);
  return out;
}

template <class Strings>
std::string joined_strings(const Strings& strings) {
  std::string out;
  for (const std::string& one : strings) {
    if (!out.empty()) out += ", ";
    out += printable(one);
  }
  return out;
}

std::string milliseconds_text(std::uint32_t milliseconds) {
  return milliseconds % 1'000 == 0 ? duration_text(milliseconds / 1'000)
                                   : fmt::format("{}ms", milliseconds);
}

std::string or_else(const std::string& text, std::string_view otherwise) {
  return text.empty() ? std::string(otherwise) : printable(text);
}

Json dns_settings_json(const admin::DnsSettings& settings) {
  return {{"servers", json_strings(settings.servers())},
          {"external_servers", json_strings(settings.external_servers())},
          {"trust_ad", settings.trust_ad()},
          {"timeout_ms", settings.timeout_ms()},
          {"tries", settings.tries()},
          {"mta_sts", settings.sts()},
          {"sts_ca_file", settings.sts_ca_file()},
          {"web_proxy", settings.web_proxy()},
          {"tls_reports", settings.tls_reports()},
          {"report_from", settings.tls_report_from()},
          {"report_organization", settings.tls_report_organization()}};
}

void say_dns_settings(Context& context, const admin::DnsSettings& settings) {
  Table table({{"SETTING"}, {"VALUE"}});
  const auto on_off = [](bool on) { return std::string(on ? "on" : "off"); };
  table.add({"server", or_else(joined_strings(settings.servers()), kSystemServers)});
  table.add({"external-server", or_else(joined_strings(settings.external_servers()), "as server")});
  table.add({"trust-ad", settings.trust_ad()});
  table.add({"timeout", milliseconds_text(settings.timeout_ms())});
  table.add({"tries", std::to_string(settings.tries())});
  table.add({"mta-sts", on_off(settings.sts())});
  table.add({"sts-ca-file", or_else(settings.sts_ca_file(), kNothing)});
  table.add({"web-proxy", or_else(settings.web_proxy(), kNothing)});
  table.add({"tls-reports", on_off(settings.tls_reports())});
  table.add({"report-from", or_else(settings.tls_report_from(), "postmaster@ the host name")});
  table.add({"report-organization", or_else(settings.tls_report_organization(), "the host name")});
  context.say(table.render(terminal_width()));
}

Outcome<> run_dns_show(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::DnsShowRequest{}));
  Json out{{"settings", dns_settings_json(reply.settings())}};
  if (reply.has_state()) {
    const auto& state = reply.state();
    out["state"] = {{"servers", json_strings(state.servers())},
                    {"external_servers", json_strings(state.external_servers())},
                    {"trusts_ad", state.trusts_ad()},
                    {"entries", state.entries_total()},
                    {"bytes", state.bytes()},
                    {"hits", state.hits()},
                    {"misses", state.misses()}};
  }
  context.print(out);
  say_dns_settings(context, reply.settings());
  if (!reply.has_state()) {
    context.say("Transport does not run: nobody is asked now.");
    return {};
  }
  const auto& state = reply.state();
  context.say(fmt::format("Asked: {}; {} told that an answer is authentic.",
                          or_else(joined_strings(state.servers()), "nobody, no server is known"),
                          state.trusts_ad() ? "believed when" : "not believed when"));
  context.say(
      fmt::format("Remembered: {} answers in {}; {} questions were answered from there, {} "
                  "were not.",
                  state.entries_total(), human_bytes(state.bytes()), state.hits(), state.misses()));
  return {};
}

// "--server system" and "--external-server none" empty the list.
Outcome<> put_servers(std::string_view option, std::string_view nothing,
                      const std::vector<std::string>& given,
                      admin::DnsServerList* (*list)(admin::DnsSetRequest&),
                      admin::DnsSetRequest& request) {
  if (given.empty()) return {};
  admin::DnsServerList* servers = list(request);
  if (given.size() == 1 && given.front() == nothing) return {};
  for (const std::string& server : given) {
    if (server == nothing) return usage(fmt::format("{} {}: stands alone", option, nothing));
    servers->add_servers(server);
  }
  return {};
}

Outcome<> put_timeout(const std::string& text, admin::DnsSetRequest& request) {
  if (text.empty()) return {};
  constexpr std::uint64_t kMost = 86'400'000;
  std::optional<std::uint64_t> milliseconds;
  if (text.ends_with("ms")) {
    milliseconds = parse_u64(text.substr(0, text.size() - 2));
  } else if (const auto seconds = parse_duration(text); seconds && *seconds >= 0) {
    milliseconds = static_cast<std::uint64_t>(*seconds) * 1'000;
  }
  if (!milliseconds || *milliseconds > kMost)
    return usage(fmt::format("--timeout {}: a time, for instance 5s or 500ms", printable(text)));
  request.set_timeout_ms(static_cast<std::uint32_t>(*milliseconds));
  return {};
}

std::string unless_none(const std::string& text) { return text == kNothing ? "" : text; }

Outcome<> run_dns_set(Context& context, DnsSetOptions& options) {
  admin::DnsSetRequest request;
  using List = admin::DnsServerList*;
  TRY(put_servers(
      "--server", kSystemServers, options.servers,
      +[](admin::DnsSetRequest& to) -> List { return to.mutable_servers(); }, request));
  TRY(put_servers(
      "--external-server", kNothing, options.external_servers,
      +[](admin::DnsSetRequest& to) -> List { return to.mutable_external_servers(); }, request));
  TRY(put_timeout(options.timeout, request));
  if (options.trust_ad) request.set_trust_ad(*options.trust_ad);
  if (options.tries) request.set_tries(*options.tries);
  if (!options.sts.empty()) request.set_sts(options.sts == "on");
  if (options.sts_ca_file) request.set_sts_ca_file(unless_none(*options.sts_ca_file));
  if (options.web_proxy) request.set_web_proxy(unless_none(*options.web_proxy));
  if (!options.tls_reports.empty()) request.set_tls_reports(options.tls_reports == "on");
  if (options.report_from) request.set_tls_report_from(unless_none(*options.report_from));
  if (options.report_organization)
    request.set_tls_report_organization(unless_none(*options.report_organization));
  if (request.ByteSizeLong() == 0) return usage("nothing to set; see: hauspost dns set --help");
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print({{"settings", dns_settings_json(reply.settings())}});
  say_dns_settings(context, reply.settings());
  return {};
}

Outcome<> run_dns_lookup(Context& context, DnsOptions& options) {
  admin::DnsLookupRequest request;
  request.mutable_query()->set_name(options.name);
  request.mutable_query()->set_type(options.type);
  request.mutable_query()->set_external(options.external);
  TRY_ASSIGN(const auto reply, context.ask(request));
  const auto& answer = reply.answer();
  const std::string outcome = outcome_word(answer.outcome());
  context.print({{"outcome", outcome},
                 {"records", json_strings(answer.records())},
                 {"ttl_s", answer.ttl_s()},
                 {"authentic", answer.authentic()},
                 {"canonical", answer.canonical()},
                 {"servers", json_strings(answer.servers())}});
  for (const std::string& record : answer.records()) context.say(printable(record));
  const std::string what = fmt::format("{} {}", printable(options.name), options.type);
  const std::string holds = fmt::format(
      "holds for {}, {}authentic{}", human_seconds(answer.ttl_s()),
      answer.authentic() ? "" : "not ",
      answer.trusts_ad() || answer.authentic() ? "" : " (the servers are not believed about it)");
  switch (answer.outcome()) {
    case child::wire::DNS_OUTCOME_FOUND: {
      const std::string& canonical = answer.canonical();
      const bool other =
          !canonical.empty() && !iequals(canonical, options.name) && !iequals(options.type, "PTR");
      context.say(
          fmt::format("{}{}: {}", what, other ? " is of " + printable(canonical) : "", holds));
      return {};
    }
    case child::wire::DNS_OUTCOME_NO_DATA:
      context.say(fmt::format("{}: the name is there, without such a record; {}", what, holds));
      return {};
    case child::wire::DNS_OUTCOME_NO_NAME:
      context.say(fmt::format("{}: there is no such name; {}", what, holds));
      return {};
    default:
      return std::unexpected(Failure{
          Exit::kRefused, "unavailable",
          fmt::format("{}: no answer from {}; set others with: hauspost dns set --server ADDRESS",
                      what, or_else(joined_strings(answer.servers()), "nobody")),
          true});
  }
}

// "DANE", "DANE unusable", "MTA-STS", "MTA-STS testing" or what TLS is without a policy.
std::string policy_text(const child::wire::DnsHop& hop) {
  std::string out = hop.tls();
  if (hop.policy().empty()) return out;
  out += " (" + printable(hop.policy());
  if (hop.testing()) out += ", testing";
  return out + ")";
}

Outcome<> run_dns_hops(Context& context, DnsOptions& options) {
  admin::DnsHopsRequest request;
  request.mutable_query()->set_domain(options.name);
  request.mutable_query()->set_require_tls(options.require_tls);
  TRY_ASSIGN(const auto reply, context.ask(request));
  const auto& answer = reply.answer();
  Json hops = Json::array();
  Table table({{"HOST"}, {"ADDRESS"}, {"PORT", true}, {"TLS"}, {"CERTIFICATE"}});
  for (const auto& hop : answer.hops()) {
    hops.push_back({{"host", hop.host()},
                    {"address", hop.address()},
                    {"port", hop.port()},
                    {"tls", hop.tls()},
                    {"policy", hop.policy()},
                    {"testing", hop.testing()},
                    {"names", json_strings(hop.names())},
                    {"tlsa", json_strings(hop.tlsa())}});
    const std::string wanted =
        hop.tlsa().empty() ? joined_strings(hop.names()) : joined_strings(hop.tlsa());
    table.add({printable(hop.host()), hop.address(), std::to_string(hop.port()), policy_text(hop),
               wanted.empty() ? "-" : wanted});
  }
  context.print({{"found", answer.found()},
                 {"permanent", answer.permanent()},
                 {"status", answer.status()},
                 {"text", answer.text()},
                 {"hosts", hops}});
  if (answer.found()) {
    context.say(table.render(terminal_width()));
    return {};
  }
  return std::unexpected(
      Failure{Exit::kRefused, answer.permanent() ? "permanent" : "temporary",
              fmt::format("{} {}; {}", answer.status(), printable(answer.text()),
                          answer.permanent() ? "mail for it is returned" : "mail for it waits"),
              true});
}

void say_policies(Context& context, const child::wire::DnsCacheReply& cache, Json& policies) {
  Table table({{"MTA-STS OF"}, {"MODE"}, {"ID"}, {"FETCHED"}, {"GOOD UNTIL"}, {"HOSTS"}});
  for (const auto& policy : cache.policies()) {
    policies.push_back({{"domain", policy.domain()},
                        {"id", policy.id()},
                        {"mode", policy.mode()},
                        {"mx", json_strings(policy.mx())},
                        {"max_age_s", policy.max_age_s()},
                        {"fetched_s", policy.fetched_s()}});
    table.add({printable(policy.domain()), policy.mode(), printable(policy.id()),
               human_time(policy.fetched_s()), human_time(policy.fetched_s() + policy.max_age_s()),
               joined_strings(policy.mx())});
  }
  if (!table.empty()) context.say(table.render(terminal_width()));
}

Outcome<> run_dns_cache(Context& context, DnsOptions& options) {
  admin::DnsCacheRequest request;
  request.set_name(options.name);
  request.set_limit(options.limit);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json entries = Json::array();
  Table table({{"NAME"}, {"TYPE"}, {"TTL", true}, {"ANSWER"}});
  for (const auto& entry : reply.cache().entries()) {
    entries.push_back({{"name", entry.name()},
                       {"type", entry.type()},
                       {"outcome", outcome_word(entry.outcome())},
                       {"records", json_strings(entry.records())},
                       {"ttl_s", entry.ttl_s()},
                       {"external", entry.external()}});
    table.add({printable(entry.name()), entry.type(), human_seconds(entry.ttl_s()),
               entry.records().empty() ? outcome_word(entry.outcome())
                                       : joined_strings(entry.records())});
  }
  Json policies = Json::array();
  if (!table.empty()) context.say(table.render(terminal_width()));
  say_policies(context, reply.cache(), policies);
  context.print({{"entries", entries},
                 {"policies", policies},
                 {"entries_total", reply.cache().entries_total()},
                 {"bytes", reply.cache().bytes()},
                 {"hits", reply.cache().hits()},
                 {"misses", reply.cache().misses()}});
  context.say(fmt::format("Remembered: {} answers in {}.", reply.cache().entries_total(),
                          human_bytes(reply.cache().bytes())));
  return {};
}

Outcome<> run_dns_flush(Context& context, DnsOptions& options) {
  admin::DnsFlushRequest request;
  request.set_name(options.name);
  request.set_policies(options.policies);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print({{"answers", reply.answers()}, {"policies", reply.policies()}});
  const auto count = [](std::uint64_t number, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", number, number == 1 ? one : many);
  };
  std::string forgotten = count(reply.answers(), "answer", "answers");
  if (options.policies)
    forgotten += " and " + count(reply.policies(), "policy", "policies") + " of MTA-STS";
  context.say(fmt::format("Forgotten: {}.", forgotten));
  return {};
}

void add_dns_set(CLI::App& noun, Verb& chosen) {
  auto options = std::make_shared<DnsSetOptions>();
  CLI::App* set = add_verb<DnsSetOptions>(noun, "set", "Change them, from the next question on",
                                          chosen, options, run_dns_set);
  set->add_option("--server", options->servers,
                  "Who is asked, 192.0.2.53 or [2001:db8::1]:5353; several times; system: who "
                  "/etc/resolv.conf says")
      ->type_name("ADDRESS");
  set->add_option("--external-server", options->external_servers,
                  "The same for the domains that mail leaves for; none: as --server")
      ->type_name("ADDRESS");
  set->add_option("--trust-ad", options->trust_ad,
                  "Believe the servers that an answer is authentic: yes, no, or auto (servers on "
                  "this machine)")
      ->check(CLI::IsMember({"auto", "yes", "no"}));
  set->add_option("--timeout", options->timeout,
                  "For an answer to the first try, 100ms to 30s; doubled with each further one")
      ->type_name("TIME");
  set->add_option("--tries", options->tries, "Of each server, 1 to 10")->type_name("N");
  set->add_option("--mta-sts", options->sts, "Look for policies of MTA-STS and follow them")
      ->check(CLI::IsMember({"on", "off"}));
  set->add_option("--sts-ca-file", options->sts_ca_file,
                  "Authorities beside the system's for the servers of policies; none")
      ->type_name("FILE");
  set->add_option("--web-proxy", options->web_proxy,
                  "Fetch policies through http://HOST:PORT; none")
      ->type_name("URL");
  set->add_option("--tls-reports", options->tls_reports,
                  "Count what becomes of TLS and report it daily to who asks for it")
      ->check(CLI::IsMember({"on", "off"}));
  set->add_option("--report-from", options->report_from,
                  "Sender of these reports; none: postmaster")
      ->type_name("ADDRESS");
  set->add_option("--report-organization", options->report_organization,
                  "Who reports; none: the host name")
      ->type_name("TEXT");
  set->add_flag("--dry-run", options->dry_run, "Check and show, change nothing");
}

}  // namespace

void add_dns_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "dns", "The DNS, and where mail for a domain goes");
  add_verb(*noun, "show", "Show the settings and who is asked", chosen, run_dns_show);
  add_dns_set(*noun, chosen);
  auto options = std::make_shared<DnsOptions>();
  CLI::App* lookup =
      add_verb<DnsOptions>(*noun, "lookup", "Ask as transport does, from its cache too", chosen,
                           options, run_dns_lookup);
  lookup->add_option("NAME", options->name, "A name, or an address for PTR")->required();
  lookup->add_option("--type", options->type, "What to ask for (default: MX)")
      ->check(CLI::IsMember({"A", "AAAA", "CAA", "CNAME", "MX", "PTR", "SRV", "TLSA", "TXT"},
                            CLI::ignore_case));
  lookup->add_flag("--external", options->external, "Ask the external servers");
  CLI::App* hops = add_verb<DnsOptions>(
      *noun, "hops", "Show the hosts that take mail for a domain, in order, and the TLS they need",
      chosen, options, run_dns_hops);
  hops->add_option("DOMAIN", options->name, "A domain")->required();
  hops->add_flag("--require-tls", options->require_tls, "For mail that asks for REQUIRETLS");
  CLI::App* cache =
      add_verb<DnsOptions>(*noun, "cache", "List remembered answers, and policies of MTA-STS",
                           chosen, options, run_dns_cache);
  cache->add_option("TEXT", options->name, "Only names that contain this");
  cache->add_option("--limit", options->limit, "At most so many, 1 to 1000 (default: 100)")
      ->check(CLI::Range(1, 1'000))
      ->type_name("N");
  CLI::App* flush = add_verb<DnsOptions>(*noun, "flush", "Forget remembered answers", chosen,
                                         options, run_dns_flush);
  flush->add_option("NAME", options->name, "Only those about this name");
  flush->add_flag("--policies", options->policies, "Forget policies of MTA-STS too");
}

}  // namespace hauspost::cli
