#include <fmt/format.h>

#include "tools/cli/amount.h"
#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct ListenerOptions {
  std::string name;
  std::vector<std::string> proxies;
  bool no_proxies = false;
  std::optional<std::uint32_t> connections;
  std::optional<std::uint32_t> per_address;
  std::optional<std::uint32_t> new_per_minute;
  std::string login_time;
  std::string login;
  bool dry_run = false;
};

template <class Repeated>
std::string joined(const Repeated& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::string_view listener_login_word(const admin::ListenerRules& listener) {
  return listener.login() == admin::LISTENER_LOGIN_PLAIN ? "plain" : "secure";
}

Json listener_json(const admin::ListenerRules& listener) {
  Json proxies = Json::array();
  for (const std::string& network : listener.proxies()) proxies.push_back(network);
  Json endpoints = Json::array();
  for (const std::string& endpoint : listener.endpoints()) endpoints.push_back(endpoint);
  return {{"listener", listener.listener()},
          {"endpoints", endpoints},
          {"proxies", proxies},
          {"connections_max", listener.connections_max()},
          {"per_address_max", listener.per_address_max()},
          {"new_per_minute_max", listener.new_per_minute_max()},
          {"login_s", listener.login_s()},
          {"login", listener_login_word(listener)},
          {"sessions", listener.sessions()},
          {"logged_in", listener.logged_in()}};
}

void add_listener_row(Table& table, const admin::ListenerRules& listener) {
  const auto limit = [](std::uint32_t value) {
    return value == 0 ? std::string("-") : std::to_string(value);
  };
  table.add({listener.listener(), joined(listener.endpoints()), limit(listener.connections_max()),
             limit(listener.per_address_max()), limit(listener.new_per_minute_max()),
             listener.login_s() == 0 ? "-" : duration_text(listener.login_s()),
             std::string(listener_login_word(listener)),
             joined(listener.proxies()), std::to_string(listener.sessions()),
             std::to_string(listener.logged_in())});
}

Table listener_table() {
  return Table({{"LISTENER"},
                {"ADDRESSES"},
                {"CONNECTIONS", true},
                {"PER ADDRESS", true},
                {"NEW A MINUTE", true},
                {"LOGIN TIME", true},
                {"LOGIN"},
                {"PROXIES"},
                {"SESSIONS", true},
                {"LOGGED IN", true}});
}

Outcome<> run_listener_list(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::ListenerListRequest{}));
  Json all = Json::array();
  Table table = listener_table();
  for (const auto& listener : reply.listeners()) {
    all.push_back(listener_json(listener));
    if (listener.endpoints_size() != 0) add_listener_row(table, listener);
  }
  context.print({{"listeners", all},
                 {"accepted", reply.accepted()},
                 {"refused", reply.refused()},
                 {"evicted", reply.evicted()}});
  context.say(table.render(terminal_width()));
  context.say(fmt::format("Connections since the front-end started: {} accepted, {} refused, {} "
                          "closed before login to make room",
                          reply.accepted(), reply.refused(), reply.evicted()));
  return {};
}

Outcome<> run_listener_set(Context& context, ListenerOptions& options) {
  admin::ListenerSetRequest request;
  request.set_name(options.name);
  request.set_dry_run(options.dry_run);
  if (options.no_proxies && !options.proxies.empty())
    return usage("either --proxy or --no-proxy");
  if (options.no_proxies || !options.proxies.empty()) {
    auto* proxies = request.mutable_proxies();
    for (const std::string& network : options.proxies) proxies->add_networks(network);
  }
  if (options.connections) request.set_connections_max(*options.connections);
  if (options.per_address) request.set_per_address_max(*options.per_address);
  if (options.new_per_minute) request.set_new_per_minute_max(*options.new_per_minute);
  if (!options.login_time.empty()) {
    const auto seconds = parse_duration(options.login_time);
    if (!seconds || *seconds < 0 || *seconds > UINT32_MAX) {
      return usage(fmt::format("--login-time {}: a time, for instance 30s",
                               printable(options.login_time)));
    }
    request.set_login_s(static_cast<std::uint32_t>(*seconds));
  }
  if (!options.login.empty()) {
    if (options.login != "secure" && options.login != "plain")
      return usage(fmt::format("--login {}: secure or plain", printable(options.login)));
    request.set_login(options.login == "plain" ? admin::LISTENER_LOGIN_PLAIN
                                               : admin::LISTENER_LOGIN_SECURE);
  }
  if (!request.has_proxies() && !options.connections && !options.per_address &&
      !options.new_per_minute && !request.has_login_s() && options.login.empty()) {
    return usage("nothing to set; see: hauspost listener set --help");
  }
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json shown = listener_json(reply.listener());
  if (!reply.warning().empty()) shown["warning"] = reply.warning();
  context.print(shown);
  Table table = listener_table();
  add_listener_row(table, reply.listener());
  context.say(table.render(terminal_width()));
  if (!reply.warning().empty()) context.say("Warning: " + printable(reply.warning()));
  return {};
}

}  // namespace

void add_listener_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "listener", "Where clients connect, and on what terms");
  add_verb(*noun, "list", "List the listeners with their settings and sessions", chosen,
           run_listener_list);
  auto options = std::make_shared<ListenerOptions>();
  CLI::App* set = add_verb<ListenerOptions>(
      *noun, "set", "Change a listener's settings, for connections that begin from now on", chosen,
      options, run_listener_set);
  set->add_option("LISTENER", options->name,
                  "smtp, submission, submissions, imap, imaps, pop3 or pop3s")
      ->required();
  set->add_option("--proxy", options->proxies,
                  "Addresses or networks of proxies: their connections must begin with a PROXY "
                  "header")
      ->type_name("NETWORK");
  set->add_flag("--no-proxy", options->no_proxies, "There is no proxy in front");
  set->add_option("--connections", options->connections, "At once; 0: no limit of its own")
      ->type_name("N");
  set->add_option("--per-address", options->per_address,
                  "At once of one address; 0: as everywhere else")
      ->type_name("N");
  set->add_option("--new-per-minute", options->new_per_minute,
                  "New ones a minute of one address; 0: as everywhere else")
      ->type_name("N");
  set->add_option("--login-time", options->login_time,
                  "From connecting to login; 0: as everywhere else")
      ->type_name("TIME");
  set->add_option("--login", options->login,
                  "secure: after TLS alone; plain: passwords in the clear, too (imap and pop3)")
      ->type_name("MODE");
  set->add_flag("--dry-run", options->dry_run, "Check and show, change nothing");
}

}  // namespace hauspost::cli
