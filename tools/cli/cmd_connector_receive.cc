// connector receive list, show, create, set and remove.
#include <fmt/format.h>

#include "base/text.h"
#include "tools/cli/amount.h"
#include "tools/cli/commands.h"
#include "tools/cli/table.h"
#include "transport/receive/connector.h"

namespace hauspost::cli {

namespace {

using transport::ConnectorNumber;
using transport::NumberUnit;

struct ReceiveConnectorOptions {
  std::string name;
  std::string usage = "custom";
  // As they were given, by option without its dashes.
  std::vector<std::pair<std::string, std::vector<std::string>>> changes;
  bool dry_run = false;
};

const ConnectorNumber* find_connector_number(std::string_view name) {
  for (const ConnectorNumber& number : transport::kConnectorNumbers) {
    if (number.name == name) return &number;
  }
  return nullptr;
}

// "5s" and "500ms" in milliseconds.
std::optional<std::uint64_t> parse_milliseconds(std::string_view text) {
  if (text.ends_with("ms")) return parse_u64(text.substr(0, text.size() - 2));
  const auto seconds = parse_duration(text);
  if (!seconds) return std::nullopt;
  return static_cast<std::uint64_t>(*seconds) * 1000;
}

std::optional<std::uint64_t> parse_connector_number(NumberUnit unit, std::string_view text) {
  switch (unit) {
    case NumberUnit::kBytes: return parse_size(text);
    case NumberUnit::kSeconds: {
      const auto seconds = parse_duration(text);
      if (!seconds) return std::nullopt;
      return static_cast<std::uint64_t>(*seconds);
    }
    case NumberUnit::kMilliseconds: return parse_milliseconds(text);
    case NumberUnit::kPercent:
      return parse_u64(text.ends_with('%') ? text.substr(0, text.size() - 1) : text);
    case NumberUnit::kCount: return text == "unlimited" ? 0 : parse_u64(text);
  }
  return std::nullopt;
}

std::string connector_number_text(const ConnectorNumber& number, std::uint64_t value) {
  if (value == 0 && number.name == "max-message-size") return "as the server";
  if (value == 0 && number.name == "message-rate") return "unlimited";
  switch (number.unit) {
    case NumberUnit::kBytes: return human_bytes(value);
    case NumberUnit::kSeconds: return duration_text(static_cast<std::int64_t>(value));
    case NumberUnit::kMilliseconds:
      if (value % 1000 != 0) return fmt::format("{}ms", value);
      return duration_text(static_cast<std::int64_t>(value / 1000));
    case NumberUnit::kPercent: return fmt::format("{}%", value);
    case NumberUnit::kCount: break;
  }
  return std::to_string(value);
}

template <class Repeated>
std::string connector_words(const Repeated& words, std::string_view none) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out.empty() ? std::string(none) : printable(out);
}

template <class Repeated>
Json connector_word_list(const Repeated& words) {
  Json out = Json::array();
  for (const std::string& word : words) out.push_back(word);
  return out;
}

Json receive_connector_json(const admin::ReceiveConnector& connector) {
  Json bindings = Json::array();
  for (const auto& one : connector.bindings())
    bindings.push_back({{"address", one.address()}, {"port", one.port()}});
  Json limits = Json::object();
  for (const auto& number : connector.numbers()) limits[number.name()] = number.value();
  return {{"name", connector.name()},
          {"listener", connector.listener()},
          {"enabled", !connector.disabled()},
          {"internal", connector.internal()},
          {"bindings", bindings},
          {"endpoints", connector_word_list(connector.endpoints())},
          {"remote", connector_word_list(connector.remote())},
          {"permitted", connector_word_list(connector.permitted())},
          {"rights", connector_word_list(connector.rights())},
          {"granted", connector_word_list(connector.granted())},
          {"denied", connector_word_list(connector.denied())},
          {"require_tls", connector.require_tls()},
          {"mechanisms", connector_word_list(connector.mechanisms())},
          {"fqdn", connector.fqdn()},
          {"banner", connector.banner()},
          {"offered", connector_word_list(connector.offered())},
          {"not_offered", connector_word_list(connector.not_offered())},
          {"protocol_log", connector.protocol_log()},
          {"comment", connector.comment()},
          {"advertise_client_settings", connector.advertise_client_settings()},
          {"limits", limits}};
}

// The rights of one group, without its name.
std::string rights_of_group(const admin::ReceiveConnector& connector, const std::string& group) {
  std::string out;
  for (const std::string& word : connector.rights()) {
    if (!word.starts_with(group + ":")) continue;
    out += (out.empty() ? "" : ", ") + word.substr(group.size() + 1);
  }
  return out.empty() ? "none" : out;
}

void show_receive_connector(Context& context, const admin::ReceiveConnector& connector) {
  context.print(receive_connector_json(connector));
  Table table({{"RECEIVE CONNECTOR"}, {printable(connector.name())}});
  table.add({"comment", connector.comment().empty() ? "-" : printable(connector.comment())});
  table.add({"listener", connector.listener()});
  table.add({"endpoints", connector_words(connector.endpoints(), "none")});
  if (connector.internal()) {
    table.add({"permits", connector_words(connector.permitted(), "nobody")});
    context.say(table.render(0));
    return;
  }
  table.add({"bindings",
             connector.bindings().empty() ? "default: [listeners] of hauspost.toml" : "its own"});
  table.add({"enabled", connector.disabled() ? "no" : "yes"});
  table.add({"remote", connector_words(connector.remote(), "any")});
  table.add({"permits", connector_words(connector.permitted(), "nobody")});
  for (const std::string& group : connector.permitted())
    table.add({"rights of " + group, rights_of_group(connector, group)});
  table.add({"require-tls", connector.require_tls() ? "on" : "off"});
  table.add({"auth", connector_words(connector.mechanisms(), "all that the server has")});
  table.add({"fqdn", connector.fqdn().empty() ? "the server's" : connector.fqdn()});
  table.add({"banner", connector.banner().empty() ? "default" : printable(connector.banner())});
  table.add({"offers", connector_words(connector.offered(), "nothing")});
  table.add({"protocol-log", connector.protocol_log() ? "on" : "off"});
  table.add({"advertise-client-settings", connector.advertise_client_settings() ? "on" : "off"});
  for (const auto& number : connector.numbers()) {
    const ConnectorNumber* known = find_connector_number(number.name());
    if (known != nullptr) table.add({number.name(), connector_number_text(*known, number.value())});
  }
  context.say(table.render(0));
}

Outcome<> run_receive_connector_list(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::ReceiveConnectorListRequest{}));
  Json all = Json::array();
  Table table(
      {{"RECEIVE CONNECTOR"}, {"LISTENER"}, {"ENDPOINTS"}, {"REMOTE"}, {"PERMITS"}, {"STATE"}});
  for (const auto& one : reply.connectors()) {
    all.push_back(receive_connector_json(one));
    table.add({printable(one.name()), one.listener(), connector_words(one.endpoints(), "-"),
               connector_words(one.remote(), "any"), connector_words(one.permitted(), "nobody"),
               one.internal()   ? "internal"
               : one.disabled() ? "disabled"
                                : "enabled"});
  }
  context.print(all);
  context.say(table.render(terminal_width()));
  return {};
}

Outcome<> run_receive_connector_show(Context& context, ReceiveConnectorOptions& options) {
  admin::ReceiveConnectorShowRequest request;
  request.set_name(options.name);
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_receive_connector(context, reply.connector());
  return {};
}

// Numbers are read here, for people write them with units.
template <class Request>
Outcome<> add_connector_changes(const ReceiveConnectorOptions& options, Request& request) {
  for (const auto& [key, values] : options.changes) {
    auto* change = request.add_changes();
    change->set_key(key);
    const ConnectorNumber* number = find_connector_number(key);
    for (const std::string& value : values) {
      if (number == nullptr) {
        change->add_values(value);
        continue;
      }
      const auto parsed = parse_connector_number(number->unit, value);
      if (!parsed)
        return usage(fmt::format("--{} {}: not a number of its kind", key, printable(value)));
      change->add_values(std::to_string(*parsed));
    }
  }
  return {};
}

Outcome<> run_receive_connector_create(Context& context, ReceiveConnectorOptions& options) {
  admin::ReceiveConnectorCreateRequest request;
  request.set_name(options.name);
  request.set_usage(options.usage);
  request.set_dry_run(options.dry_run);
  TRY(add_connector_changes(options, request));
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_receive_connector(context, reply.connector());
  return {};
}

Outcome<> run_receive_connector_set(Context& context, ReceiveConnectorOptions& options) {
  if (options.changes.empty())
    return usage("nothing to set; see: hauspost connector receive set --help");
  admin::ReceiveConnectorSetRequest request;
  request.set_name(options.name);
  request.set_dry_run(options.dry_run);
  TRY(add_connector_changes(options, request));
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_receive_connector(context, reply.connector());
  return {};
}

Outcome<> run_receive_connector_remove(Context& context, ReceiveConnectorOptions& options) {
  if (!options.dry_run)
    TRY(
        context.confirm(fmt::format("Remove receive connector \"{}\"? What it listens at is closed "
                                    "and its sessions end.",
                                    printable(options.name))));
  admin::ReceiveConnectorRemoveRequest request;
  request.set_name(options.name);
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print(receive_connector_json(reply.connector()));
  context.say(fmt::format("Receive connector \"{}\" {}", printable(reply.connector().name()),
                          options.dry_run ? "would be removed" : "removed"));
  return {};
}

struct ConnectorWordOption {
  std::string_view key;
  std::string_view type;
  std::string_view help;
};
constexpr ConnectorWordOption kConnectorWordOptions[] = {
    {"bind", "ADDRESS:PORT",
     "Where it listens, in place of all before; \"default\": [listeners] "
     "of hauspost.toml"},
    {"remote", "NETWORK", "Whom it serves, in place of all before; \"any\": everybody"},
    {"permit", "GROUP",
     "anonymous, users, partners, servers, externally-secured; \"none\": nobody"},
    {"grant", "GROUP:RIGHT", "A right beyond those that the group has; \"default\": none"},
    {"deny", "GROUP:RIGHT", "A right that the group has and is to lose; \"default\": none"},
    {"auth", "MECHANISM", "Of AUTH, as far as the server has them; \"default\": all; \"none\""},
    {"offer", "EXTENSION", "Extensions to offer again"},
    {"no-offer", "EXTENSION", "Extensions not to offer, for instance CHUNKING"},
};
constexpr ConnectorWordOption kConnectorTextOptions[] = {
    {"name", "NAME", "A new name"},
    {"listener", "KIND", "smtp, submission (STARTTLS), submissions (TLS at once) or lmtp"},
    {"fqdn", "HOST", "Its name in the greeting; empty: the server's"},
    {"banner", "TEXT", "What follows the name in the greeting; empty: the default"},
    {"comment", "TEXT", "What it is for"},
    {"enabled", "on|off", "Whether it listens at all"},
    {"require-tls", "on|off", "No mail without STARTTLS"},
    {"protocol-log", "on|off", "Keep the dialogue in the protocol log"},
    {"advertise-client-settings", "on|off",
     "Tell users and their mail programs to send by it, under the name of --fqdn"},
};

std::string connector_number_type(NumberUnit unit) {
  switch (unit) {
    case NumberUnit::kBytes: return "SIZE";
    case NumberUnit::kSeconds:
    case NumberUnit::kMilliseconds: return "TIME";
    case NumberUnit::kPercent: return "PERCENT";
    case NumberUnit::kCount: break;
  }
  return "N";
}

void add_connector_options(CLI::App& verb, const std::shared_ptr<ReceiveConnectorOptions>& options,
                           bool rename) {
  for (const ConnectorWordOption& one : kConnectorWordOptions) {
    verb.add_option_function<std::vector<std::string>>(
            "--" + std::string(one.key),
            [options, key = std::string(one.key)](const std::vector<std::string>& values) {
              options->changes.emplace_back(key, values);
            },
            std::string(one.help))
        ->type_name(std::string(one.type));
  }
  const auto add_one = [&](std::string_view key, std::string type, std::string help) {
    verb.add_option_function<std::string>(
            "--" + std::string(key),
            [options, name = std::string(key)](const std::string& value) {
              options->changes.emplace_back(name, std::vector<std::string>{value});
            },
            std::move(help))
        ->type_name(std::move(type));
  };
  for (const ConnectorWordOption& one : kConnectorTextOptions) {
    if (rename || one.key != "name") add_one(one.key, std::string(one.type), std::string(one.help));
  }
  for (const ConnectorNumber& number : transport::kConnectorNumbers)
    add_one(number.name, connector_number_type(number.unit), std::string(number.help));
  verb.add_flag("--dry-run", options->dry_run, "Check and show, change nothing");
}

}  // namespace

void add_receive_connector_commands(CLI::App& app, Verb& chosen) {
  const auto there =
      app.get_subcommands([](const CLI::App* sub) { return sub->get_name() == "connector"; });
  CLI::App* noun = there.empty()
                       ? add_noun(app, "connector", "Connectors: how mail comes in and goes out")
                       : there.front();
  CLI::App* group = noun->add_subcommand("receive", "How mail comes in by SMTP and LMTP");
  add_verb(*group, "list", "List the receive connectors", chosen, run_receive_connector_list);
  const auto named = [&](const std::string& name, const std::string& help,
                         VerbFunction<ReceiveConnectorOptions> run) {
    auto options = std::make_shared<ReceiveConnectorOptions>();
    CLI::App* verb = add_verb<ReceiveConnectorOptions>(*group, name, help, chosen, options, run);
    verb->add_option("NAME", options->name, "The receive connector")->required();
    return std::pair(verb, options);
  };
  named("show", "Show everything about one", run_receive_connector_show);
  const auto [create, to_create] =
      named("create", "Make one, and listen", run_receive_connector_create);
  create
      ->add_option(
          "--usage", to_create->usage,
          "client (587, users), internet (anonymous), internal (servers of yours), partner "
          "(by network, with TLS), custom (nobody yet)")
      ->check(CLI::IsMember({"client", "internal", "internet", "partner", "custom"}))
      ->type_name("USAGE");
  add_connector_options(*create, to_create, false);
  const auto [set, to_set] =
      named("set", "Change one, for sessions that begin from now on", run_receive_connector_set);
  add_connector_options(*set, to_set, true);
  const auto [remove, to_remove] = named("remove", "Remove one", run_receive_connector_remove);
  remove->add_flag("--dry-run", to_remove->dry_run, "Only say whether it would go");
}

}  // namespace hauspost::cli
