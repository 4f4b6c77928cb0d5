#include <fmt/format.h>

#include "tools/cli/amount.h"
#include "tools/cli/commands.h"
#include "tools/cli/password.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct SendConnectorOptions {
  std::string name;
  std::string new_name;
  std::vector<std::string> spaces;
  std::vector<std::string> smart_hosts;
  std::vector<std::string> sources;
  bool dns = false;
  bool ignore_starttls = false;
  std::string auth, user, tls, tls_domain, fqdn, protocol, comment, size, inactivity;
  bool comment_given = false;
  std::string enabled, scoped, protocol_log;
  std::optional<std::uint32_t> port, connections, messages;
  bool password = false;
  bool password_stdin = false;
  bool dry_run = false;
};

template <class Repeated>
std::string send_words(const Repeated& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

template <class Repeated>
Json send_list(const Repeated& words) {
  Json out = Json::array();
  for (const std::string& word : words) out.push_back(word);
  return out;
}

Json send_connector_json(const admin::SendConnector& one) {
  return {{"name", one.name()},
          {"enabled", one.enabled()},
          {"protocol", one.protocol()},
          {"address_spaces", send_list(one.address_spaces())},
          {"smart_hosts", send_list(one.smart_hosts())},
          {"port", one.port()},
          {"user", one.user()},
          {"password_set", one.password_set()},
          {"tls", one.tls()},
          {"tls_domain", one.tls_domain()},
          {"fqdn", one.fqdn()},
          {"sources", send_list(one.sources())},
          {"message_bytes_max", one.message_bytes_max()},
          {"inactivity_s", one.inactivity_s()},
          {"connections_max", one.connections_max()},
          {"messages_per_connection", one.messages_per_connection()},
          {"protocol_log", one.protocol_log()},
          {"scoped", one.scoped()},
          {"comment", one.comment()}};
}

std::string way_of(const admin::SendConnector& one) {
  return one.smart_hosts().empty() ? "DNS" : send_words(one.smart_hosts());
}

std::string tls_of(const admin::SendConnector& one) {
  return one.tls_domain().empty() ? one.tls() : one.tls() + " " + one.tls_domain();
}

void show_send_connector(Context& context, const admin::SendConnector& one) {
  context.print(send_connector_json(one));
  const auto yes = [](bool on) { return std::string(on ? "yes" : "no"); };
  Table table({{"SETTING"}, {"VALUE"}});
  table.add({"name", printable(one.name())});
  table.add({"enabled", yes(one.enabled())});
  table.add({"address-space", send_words(one.address_spaces())});
  table.add({"protocol", one.protocol()});
  table.add({"sends to", way_of(one)});
  table.add({"port", std::to_string(one.port())});
  table.add({"login", one.user().empty() ? "none" : printable(one.user())});
  table.add({"tls", tls_of(one)});
  table.add({"fqdn", one.fqdn().empty() ? "the server's" : one.fqdn()});
  table.add({"source", one.sources().empty() ? "any" : send_words(one.sources())});
  table.add({"max-message-size", human_bytes(one.message_bytes_max())});
  table.add({"inactivity", duration_text(one.inactivity_s())});
  table.add({"connections", std::to_string(one.connections_max())});
  table.add({"messages-per-connection", one.messages_per_connection() == 0
                                            ? "no limit"
                                            : std::to_string(one.messages_per_connection())});
  table.add({"protocol-log", yes(one.protocol_log())});
  table.add({"scoped", yes(one.scoped())});
  table.add({"comment", printable(one.comment())});
  context.say(table.render(terminal_width()));
}

template <class Request>
void add_change(Request& request, std::string_view key, const std::vector<std::string>& values) {
  auto* change = request.add_changes();
  change->set_key(std::string(key));
  for (const std::string& value : values) change->add_values(value);
}

// What was given as text, under the key the server knows.
template <class Request>
Outcome<> add_send_changes(const SendConnectorOptions& options, Request& request) {
  if (options.dns && !options.smart_hosts.empty()) return usage("either --dns or --smart-host");
  if (options.ignore_starttls && !options.tls.empty())
    return usage("either --ignore-starttls, which is --tls none, or --tls");
  if (!options.spaces.empty()) add_change(request, "address-space", options.spaces);
  if (options.dns) add_change(request, "dns", {});
  if (!options.smart_hosts.empty()) add_change(request, "smart-host", options.smart_hosts);
  if (!options.sources.empty()) add_change(request, "source", options.sources);
  if (options.ignore_starttls) add_change(request, "tls", {"none"});
  const std::pair<std::string_view, const std::string*> texts[] = {
      {"auth", &options.auth},
      {"user", &options.user},
      {"tls", &options.tls},
      {"tls-domain", &options.tls_domain},
      {"fqdn", &options.fqdn},
      {"protocol", &options.protocol},
      {"enabled", &options.enabled},
      {"scoped", &options.scoped},
      {"protocol-log", &options.protocol_log}};
  for (const auto& [key, text] : texts) {
    if (!text->empty()) add_change(request, key, {*text});
  }
  if (options.comment_given) add_change(request, "comment", {options.comment});
  const std::pair<std::string_view, const std::optional<std::uint32_t>*> numbers[] = {
      {"port", &options.port},
      {"connections", &options.connections},
      {"messages-per-connection", &options.messages}};
  for (const auto& [key, number] : numbers) {
    if (*number) add_change(request, key, {std::to_string(**number)});
  }
  if (!options.size.empty()) {
    const auto bytes = parse_size(options.size);
    if (!bytes)
      return usage(
          fmt::format("--max-message-size {}: a size, for instance 35M", printable(options.size)));
    add_change(request, "max-message-size", {std::to_string(*bytes)});
  }
  if (!options.inactivity.empty()) {
    const auto seconds = parse_duration(options.inactivity);
    if (!seconds || *seconds < 0)
      return usage(
          fmt::format("--inactivity {}: a time, for instance "
                      "10m",
                      printable(options.inactivity)));
    add_change(request, "inactivity", {std::to_string(*seconds)});
  }
  return {};
}

template <class Request>
Outcome<> add_send_password(const SendConnectorOptions& options, bool wanted, Request& request) {
  if (!wanted && !options.password && !options.password_stdin) return {};
  TRY_ASSIGN(const Secret password,
             obtain_secret(options.password_stdin, "the login of " + options.name));
  request.set_password(std::string(password.reveal()));
  return {};
}

Outcome<> run_send_create(Context& context, SendConnectorOptions& options) {
  admin::SendConnectorCreateRequest request;
  request.set_name(options.name);
  request.set_dry_run(options.dry_run);
  TRY(add_send_changes(options, request));
  TRY(add_send_password(options, options.auth == "basic", request));
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_send_connector(context, reply.connector());
  return {};
}

Outcome<> run_send_set(Context& context, SendConnectorOptions& options) {
  admin::SendConnectorSetRequest request;
  request.set_name(options.name);
  request.set_new_name(options.new_name);
  request.set_dry_run(options.dry_run);
  TRY(add_send_changes(options, request));
  TRY(add_send_password(options, false, request));
  if (request.changes().empty() && !request.has_password() && options.new_name.empty())
    return usage("nothing to set; see: hauspost connector send set --help");
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_send_connector(context, reply.connector());
  return {};
}

Outcome<> run_send_list(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::SendConnectorListRequest{}));
  Json all = Json::array();
  Table table({{"SEND CONNECTOR"},
               {"ENABLED"},
               {"ADDRESS SPACES"},
               {"SENDS TO"},
               {"TLS"},
               {"LOGIN"},
               {"LARGEST", true}});
  for (const auto& one : reply.connectors()) {
    all.push_back(send_connector_json(one));
    table.add({printable(one.name()), one.enabled() ? "yes" : "no",
               send_words(one.address_spaces()), way_of(one), tls_of(one),
               one.user().empty() ? "-" : printable(one.user()),
               human_bytes(one.message_bytes_max())});
  }
  context.print({{"connectors", all}});
  if (table.empty()) {
    context.say(
        "There is no send connector: mail for elsewhere waits in Unreachable. Make one "
        "with: hauspost connector send create NAME --address-space '*'");
    return {};
  }
  context.say(table.render(terminal_width()));
  return {};
}

Outcome<> run_send_show(Context& context, SendConnectorOptions& options) {
  admin::SendConnectorListRequest request;
  request.set_name(options.name);
  TRY_ASSIGN(const auto reply, context.ask(request));
  if (reply.connectors().empty()) {
    return refused(ErrorCode::kNotFound,
                   fmt::format("send connector \"{}\" does not exist", printable(options.name)));
  }
  show_send_connector(context, reply.connectors(0));
  return {};
}

Outcome<> run_send_remove(Context& context, SendConnectorOptions& options) {
  admin::SendConnectorRemoveRequest request;
  request.set_name(options.name);
  request.set_dry_run(options.dry_run);
  if (!options.dry_run) {
    TRY(
        context.confirm(fmt::format("Remove send connector {}? Mail that only it could take away "
                                    "waits in Unreachable.",
                                    printable(options.name))));
  }
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print(send_connector_json(reply.connector()));
  context.say(fmt::format("Send connector {} {}.", printable(reply.connector().name()),
                          options.dry_run ? "would be removed" : "is removed"));
  return {};
}

void add_way_options(CLI::App& verb, SendConnectorOptions& options) {
  verb.add_option("--address-space", options.spaces,
                  "What it serves: * (everything), *.example.org (every subdomain), example.org, "
                  "-- (nothing by itself); with a cost of 1 to 100: example.org;10")
      ->type_name("SPACE");
  verb.add_flag("--dns", options.dns, "Send to the hosts that the DNS names (the default)");
  verb.add_option("--smart-host", options.smart_hosts,
                  "Send to these hosts instead, in this order: host, host:port, [IPv6]:port, with "
                  "LMTP also the path of a Unix socket")
      ->type_name("HOST");
  verb.add_option("--port", options.port, "Where they listen; 25")->type_name("N");
  verb.add_option("--protocol", options.protocol, "smtp, or lmtp to a delivery server")
      ->check(CLI::IsMember({"smtp", "lmtp"}));
  verb.add_option("--source", options.sources,
                  "Local address of connections, one of IPv4 and one of IPv6; any: the system "
                  "chooses")
      ->type_name("ADDRESS");
  verb.add_option("--fqdn", options.fqdn, "What EHLO says; the server's host name")
      ->type_name("NAME");
}

void add_security_options(CLI::App& verb, SendConnectorOptions& options) {
  verb.add_option("--tls", options.tls,
                  "none; opportunistic: where it is offered (the default); encryption: no mail "
                  "without; certificate: of a trusted authority; domain: and for the right name")
      ->check(CLI::IsMember({"none", "opportunistic", "encryption", "certificate", "domain"}));
  verb.add_option("--tls-domain", options.tls_domain,
                  "With --tls domain: the name, where it is not the host's own")
      ->type_name("NAME");
  verb.add_flag("--ignore-starttls", options.ignore_starttls, "The same as --tls none");
  verb.add_option("--auth", options.auth, "Log in to the smart hosts, under TLS: none, basic")
      ->check(CLI::IsMember({"none", "basic"}));
  verb.add_option("--user", options.user, "The name to log in with")->type_name("NAME");
  verb.add_flag("--password", options.password, "Ask for its password on the terminal");
  verb.add_flag("--password-stdin", options.password_stdin,
                "Read its password from the first line of standard input");
}

void add_limit_options(CLI::App& verb, SendConnectorOptions& options) {
  verb.add_option("--max-message-size", options.size, "Larger messages go another way; 35M")
      ->type_name("SIZE");
  verb.add_option("--inactivity", options.inactivity,
                  "An idle connection is closed then at the latest; 10m")
      ->type_name("TIME");
  verb.add_option("--connections", options.connections, "At once to one next hop; 20")
      ->type_name("N");
  verb.add_option("--messages-per-connection", options.messages, "0: no limit but the host's")
      ->type_name("N");
  verb.add_option("--protocol-log", options.protocol_log, "Keep its dialogues in the protocol log")
      ->check(CLI::IsMember({"yes", "no"}));
  verb.add_option("--enabled", options.enabled, "no: mail takes other ways, or waits")
      ->check(CLI::IsMember({"yes", "no"}));
  verb.add_option("--scoped", options.scoped, "Of use to this node's site alone")
      ->check(CLI::IsMember({"yes", "no"}));
  verb.add_option_function<std::string>(
          "--comment",
          [&options](const std::string& text) {
            options.comment = text;
            options.comment_given = true;
          },
          "One line for people")
      ->type_name("TEXT");
  verb.add_flag("--dry-run", options.dry_run, "Check and show, change nothing");
}

CLI::App* send_verb(CLI::App& noun, const std::string& name, const std::string& description,
                    Verb& chosen, const std::shared_ptr<SendConnectorOptions>& options,
                    VerbFunction<SendConnectorOptions> run) {
  CLI::App* verb = add_verb<SendConnectorOptions>(noun, name, description, chosen, options, run);
  verb->add_option("NAME", options->name, "The connector's name")->required();
  return verb;
}

}  // namespace

void add_send_connector_commands(CLI::App& app, Verb& chosen) {
  const auto there =
      app.get_subcommands([](const CLI::App* sub) { return sub->get_name() == "connector"; });
  CLI::App* connector =
      there.empty() ? add_noun(app, "connector", "How mail comes in and goes out") : there.front();
  CLI::App* noun = add_noun(*connector, "send", "How mail goes out");
  auto options = std::make_shared<SendConnectorOptions>();
  CLI::App* create = send_verb(*noun, "create", "Make a way out; mail that waited for it leaves",
                               chosen, options, run_send_create);
  CLI::App* set = send_verb(*noun, "set", "Change one, for connections that begin from now on",
                            chosen, options, run_send_set);
  set->add_option("--name", options->new_name, "Its new name")->type_name("NAME");
  for (CLI::App* verb : {create, set}) {
    add_way_options(*verb, *options);
    add_security_options(*verb, *options);
    add_limit_options(*verb, *options);
  }
  add_verb(*noun, "list", "List the send connectors", chosen, run_send_list);
  send_verb(*noun, "show", "Show one with all its settings", chosen, options, run_send_show);
  CLI::App* remove = send_verb(*noun, "remove", "Remove one; what only it could take away waits",
                               chosen, options, run_send_remove);
  remove->add_flag("--dry-run", options->dry_run, "Check and show, change nothing");
}

}  // namespace hauspost::cli
