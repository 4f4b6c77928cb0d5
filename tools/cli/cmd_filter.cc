// filter: what may refuse mail from outside, and milter: programs that look at it.
#include <fmt/format.h>

#include "base/clock.h"
#include "base/text.h"
#include "server/child/filter.pb.h"
#include "tools/cli/amount.h"
#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

enum class FilterUnit : std::uint8_t { kText, kNumber, kSwitch, kSeconds, kHours, kMoment };

// A value of a kind of filter, as an option and as a column.
struct FilterKey {
  std::string_view key;
  FilterUnit unit;
  std::string_view help;
};
constexpr FilterKey kFilterAddressKeys[] = {
    {"until", FilterUnit::kMoment, "It ends by itself then: 12h, or 2026-12-31 (default: never)"},
    {"note", FilterUnit::kText, "Why"}};
constexpr FilterKey kFilterPatternKeys[] = {{"note", FilterUnit::kText, "Why"}};
constexpr FilterKey kFilterDnsblKeys[] = {
    {"priority", FilterUnit::kNumber, "The least speaks first (default: 100)"},
    {"enabled", FilterUnit::kSwitch, "Whether it is asked (default: on)"},
    {"codes", FilterUnit::kText,
     "Answers that count, as \"127.0.0.2 127.0.0.4/30\" (default: all of 127.0.0.0/8)"},
    {"text", FilterUnit::kText,
     "What the client is told; %IP is its address, %LIST the zone; at most 240 octets"}};
constexpr FilterKey kFilterMilterKeys[] = {
    {"address", FilterUnit::kText, "unix:/PATH, inet:ADDRESS:PORT or inet6:[ADDRESS]:PORT"},
    {"priority", FilterUnit::kNumber, "The least is asked first (default: 100)"},
    {"enabled", FilterUnit::kSwitch, "Whether it is asked (default: on)"},
    {"on-failure", FilterUnit::kText,
     "When it cannot be asked: tempfail (the client comes back; default) or accept"},
    {"users", FilterUnit::kSwitch, "Whether it sees what users submit, too (default: off)"},
    {"connect-timeout", FilterUnit::kSeconds, "Default: 5s"},
    {"command-timeout", FilterUnit::kSeconds, "Of the answer to a step (default: 30s)"},
    {"end-timeout", FilterUnit::kSeconds, "Of the answer to a message's end (default: 5m)"}};
// For `filter show`: of what there is one.
constexpr FilterKey kFilterSingleKeys[] = {
    {"delay", FilterUnit::kSeconds, {}},        {"window", FilterUnit::kSeconds, {}},
    {"keep", FilterUnit::kSeconds, {}},         {"block-hours", FilterUnit::kHours, {}},
    {"auto-allow", FilterUnit::kNumber, {}},    {"reject-score", FilterUnit::kNumber, {}},
    {"block-level", FilterUnit::kNumber, {}},   {"enabled", FilterUnit::kSwitch, {}},
    {"messages", FilterUnit::kNumber, {}},      {"recipients", FilterUnit::kNumber, {}},
    {"new-recipients", FilterUnit::kNumber, {}}};

struct FilterKind {
  std::string_view kind;
  std::string_view title;
  std::string_view name;  // of what is named
  std::string_view name_help;
  std::span<const FilterKey> keys;
};
constexpr FilterKind kFilterLists[] = {
    {"ip-allow", "Clients that no filter stops", "NETWORK", "An address, or as 192.0.2.0/24",
     kFilterAddressKeys},
    {"ip-block", "Clients whose mail is not taken", "NETWORK", "An address, or as 192.0.2.0/24",
     kFilterAddressKeys},
    {"sender", "Senders whose mail is not taken", "PATTERN",
     "eve@example.net, example.net, *.example.net or eve@", kFilterPatternKeys},
    {"recipient", "Recipients who get no mail from outside", "PATTERN",
     "bob@example.org, example.org, *.example.org or bob@", kFilterPatternKeys},
    {"dnsbl", "DNS lists that are asked about clients", "ZONE", "As zen.example.net",
     kFilterDnsblKeys},
    {"dnsbl-exempt",
     "Recipients for whom no DNS list counts",
     "PATTERN",
     "bob@example.org, example.org, *.example.org or bob@",
     {}}};
constexpr FilterKind kMilterKind = {"milter", "Programs that look at mail", "NAME",
                                    "What you call it", kFilterMilterKeys};

struct FilterOptions {
  const FilterKind* kind = nullptr;
  std::string name;
  std::map<std::string, std::string> values;  // as they were given
  bool dry_run = false;
};

std::int64_t filter_now() {
  return std::chrono::floor<Seconds>(system_clock().now()).time_since_epoch().count();
}

// Times count forwards here: "12h" is in twelve hours.
std::optional<std::int64_t> parse_until(const std::string& text) {
  if (text == "never" || text == "0") return 0;
  if (const auto seconds = parse_duration(text)) return filter_now() + *seconds;
  return parse_moment(text, filter_now());
}

Outcome<std::string> filter_value(const FilterKey& key, const std::string& text) {
  switch (key.unit) {
    case FilterUnit::kSeconds:
      if (const auto seconds = parse_duration(text); seconds && *seconds >= 0)
        return std::to_string(*seconds);
      return usage(
          fmt::format("--{} {}: a time, for instance 90s or 5m", key.key, printable(text)));
    case FilterUnit::kMoment:
      if (const auto moment = parse_until(text); moment && *moment >= 0)
        return std::to_string(*moment);
      return usage(fmt::format("--{} {}: a time from now, for instance 12h, or a date", key.key,
                               printable(text)));
    default: return text;
  }
}

std::string filter_value_text(const FilterKey& key, const std::string& value) {
  const auto number = parse_u64(value).value_or(0);
  const auto seconds = static_cast<std::int64_t>(number);
  switch (key.unit) {
    case FilterUnit::kSeconds: return duration_text(seconds);
    case FilterUnit::kHours: return duration_text(seconds * 3600);
    case FilterUnit::kMoment: return human_time(seconds);
    default: return value.empty() ? "-" : printable(value);
  }
}

const FilterKey* find_filter_key(std::span<const FilterKey> keys, std::string_view name) {
  for (const FilterKey& key : keys)
    if (key.key == name) return &key;
  return nullptr;
}

std::span<const FilterKey> keys_of_kind(std::string_view kind) {
  for (const FilterKind& one : kFilterLists)
    if (one.kind == kind) return one.keys;
  return kind == kMilterKind.kind ? kMilterKind.keys
                                  : std::span<const FilterKey>(kFilterSingleKeys);
}

// The values of an entry in the order in which people look for them.
std::map<std::string, std::string> sorted_values(const admin::FilterEntry& entry) {
  return {entry.values().begin(), entry.values().end()};
}

Json filter_json(const admin::FilterEntry& entry) {
  Json out = {{"kind", entry.kind()}, {"name", entry.name()}};
  for (const auto& [name, value] : sorted_values(entry)) {
    const FilterKey* key = find_filter_key(keys_of_kind(entry.kind()), name);
    std::string member = name;
    std::ranges::replace(member, '-', '_');
    if (key != nullptr && (key->unit == FilterUnit::kSeconds || key->unit == FilterUnit::kMoment))
      member += "_s";
    if (key == nullptr || key->unit == FilterUnit::kText)
      out[member] = value;
    else if (key->unit == FilterUnit::kSwitch)
      out[member] = value == "on";
    else
      out[member] = parse_u64(value).value_or(0);
  }
  return out;
}

Table filter_table(const FilterKind& kind) {
  std::vector<Column> columns{{std::string(kind.name)}};
  for (const FilterKey& key : kind.keys)
    columns.push_back({ascii_upper(key.key), key.unit == FilterUnit::kNumber});
  return Table(std::move(columns));
}

void add_filter_row(Table& table, const FilterKind& kind, const admin::FilterEntry& entry) {
  std::vector<std::string> cells{printable(entry.name())};
  for (const FilterKey& key : kind.keys) {
    const auto value = entry.values().find(std::string(key.key));
    cells.push_back(value == entry.values().end() ? "-" : filter_value_text(key, value->second));
  }
  table.add(std::move(cells));
}

void show_filter(Context& context, const FilterKind& kind, const admin::FilterEntry& entry,
                 std::string_view done) {
  context.print(filter_json(entry));
  Table table = filter_table(kind);
  add_filter_row(table, kind, entry);
  context.say(table.render(terminal_width()) + std::string(done));
}

Outcome<admin::FilterEntry> filter_entry(const FilterOptions& options) {
  admin::FilterEntry entry;
  entry.set_kind(std::string(options.kind->kind));
  entry.set_name(options.name);
  for (const auto& [name, text] : options.values) {
    const FilterKey* key = find_filter_key(options.kind->keys, name);
    TRY_ASSIGN((*entry.mutable_values())[name], filter_value(*key, text));
  }
  return entry;
}

Outcome<> run_filter_add(Context& context, FilterOptions& options) {
  admin::FilterAddRequest request;
  TRY_ASSIGN(*request.mutable_entry(), filter_entry(options));
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_filter(context, *options.kind, reply.entry(), options.dry_run ? "Would be added" : "Added");
  return {};
}

Outcome<> run_filter_change(Context& context, FilterOptions& options) {
  if (options.values.empty()) return usage("nothing to set; see the verb's --help");
  admin::FilterSetRequest request;
  TRY_ASSIGN(*request.mutable_entry(), filter_entry(options));
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_filter(context, *options.kind, reply.entry(), options.dry_run ? "Would be so" : "Changed");
  return {};
}

Outcome<> run_filter_remove(Context& context, FilterOptions& options) {
  admin::FilterRemoveRequest request;
  request.set_kind(std::string(options.kind->kind));
  request.set_name(options.name);
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_filter(context, *options.kind, reply.entry(),
              options.dry_run ? "Would be removed" : "Removed");
  return {};
}

Outcome<> run_filter_list(Context& context, FilterOptions& options) {
  admin::FilterListRequest request;
  request.set_kind(std::string(options.kind->kind));
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json all = Json::array();
  Table table = filter_table(*options.kind);
  for (const admin::FilterEntry& entry : reply.entries()) {
    all.push_back(filter_json(entry));
    add_filter_row(table, *options.kind, entry);
  }
  context.print(all);
  context.say(table.empty() ? "None" : table.render(terminal_width()));
  return {};
}

// What there is one of, and caps.
void say_single_filters(Context& context, const admin::FilterListReply& reply) {
  Table table({{"FILTER"}, {"SETTING"}, {"VALUE"}});
  for (const admin::FilterEntry& entry : reply.entries()) {
    if (keys_of_kind(entry.kind()).data() != std::span<const FilterKey>(kFilterSingleKeys).data())
      continue;
    std::string title = entry.kind();
    if (!entry.name().empty()) title += " of " + printable(entry.name());
    for (const auto& [name, value] : sorted_values(entry)) {
      const FilterKey* key = find_filter_key(kFilterSingleKeys, name);
      const bool unlimited = entry.kind() == "caps" && value == "0";
      table.add({title, name,
                 unlimited        ? "unlimited"
                 : key == nullptr ? printable(value)
                                  : filter_value_text(*key, value)});
    }
  }
  context.say(table.render(terminal_width()));
}

Outcome<> run_filter_show(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::FilterListRequest{}));
  Json all = Json::array();
  for (const admin::FilterEntry& entry : reply.entries()) all.push_back(filter_json(entry));
  context.print(all);
  say_single_filters(context, reply);
  const auto say_list = [&](const FilterKind& kind) {
    Table table = filter_table(kind);
    for (const admin::FilterEntry& entry : reply.entries())
      if (entry.kind() == kind.kind) add_filter_row(table, kind, entry);
    if (!table.empty())
      context.say(
          fmt::format("{} ({}):\n{}", kind.title, kind.kind, table.render(terminal_width())));
  };
  for (const FilterKind& kind : kFilterLists) say_list(kind);
  say_list(kMilterKind);
  return {};
}

// ---- filter set

struct FilterSetOption {
  std::string_view option;
  std::string_view kind;
  FilterKey key;
};
constexpr FilterSetOption kFilterSetOptions[] = {
    {"greylist",
     "greylist",
     {"enabled", FilterUnit::kSwitch, "on: who is new is asked to come back; off"}},
    {"greylist-delay",
     "greylist",
     {"delay", FilterUnit::kSeconds, "What comes back earlier still waits (default: 5m)"}},
    {"greylist-window",
     "greylist",
     {"window", FilterUnit::kSeconds, "Who does not come back is forgotten (default: 2d)"}},
    {"greylist-keep",
     "greylist",
     {"keep", FilterUnit::kSeconds, "Who came back is known so long (default: 35d)"}},
    {"greylist-auto-allow",
     "greylist",
     {"auto-allow", FilterUnit::kNumber,
      "So many that came back make a whole network known; 0: never (default: 5)"}},
    {"client-checks",
     "client-checks",
     {"enabled", FilterUnit::kSwitch, "on: HELO and reverse DNS make a score; off"}},
    {"reject-score",
     "client-checks",
     {"reject-score", FilterUnit::kNumber,
      "550 from this score on; 0: only noted in the header (default: 0)"}},
    {"reputation",
     "reputation",
     {"enabled", FilterUnit::kSwitch, "on: clients that bring what nobody wants are blocked; off"}},
    {"block-level",
     "reputation",
     {"block-level", FilterUnit::kNumber, "From this level on, 0 to 9 (default: 7)"}},
    {"block-hours",
     "reputation",
     {"block-hours", FilterUnit::kNumber, "For so long, 1 to 48 (default: 24)"}},
    {"block-null-sender",
     "null-sender",
     {"enabled", FilterUnit::kSwitch, "on: mail without a sender is refused; off"}},
    {"messages",
     "caps",
     {"messages", FilterUnit::kNumber, "That a user may send in 24 hours; 0: any number"}},
    {"recipients",
     "caps",
     {"recipients", FilterUnit::kNumber, "That a user may write to in 24 hours; 0: any number"}},
    {"new-recipients",
     "caps",
     {"new-recipients", FilterUnit::kNumber,
      "Of them, whom the user did not write to in the last 30 days; 0: any number"}}};

struct FilterSetOptions {
  std::vector<std::pair<const FilterSetOption*, std::string>> given;
  std::string mailbox;
  bool use_default = false;
  bool dry_run = false;
};

Outcome<> forget_own_caps(Context& context, const FilterSetOptions& options) {
  admin::FilterRemoveRequest request;
  request.set_kind("caps");
  request.set_name(options.mailbox);
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print(filter_json(reply.entry()));
  context.say(fmt::format("{} has the caps of everybody{}", printable(reply.entry().name()),
                          options.dry_run ? ", would it not be a dry run" : " again"));
  return {};
}

Outcome<std::map<std::string, admin::FilterSetRequest>> filter_changes(
    const FilterSetOptions& options) {
  std::map<std::string, admin::FilterSetRequest> changes;
  for (const auto& [option, text] : options.given) {
    const std::string kind(option->kind);
    if (!options.mailbox.empty() && kind != "caps")
      return usage(fmt::format("--{} is not a matter of one mailbox", option->option));
    FilterKey key = option->key;
    key.key = option->option;
    auto& entry = *changes[kind].mutable_entry();
    TRY_ASSIGN((*entry.mutable_values())[std::string(option->key.key)], filter_value(key, text));
    entry.set_kind(kind);
    entry.set_name(options.mailbox);
  }
  return changes;
}

Outcome<> run_filter_set(Context& context, FilterSetOptions& options) {
  if (options.use_default) {
    if (options.mailbox.empty() || !options.given.empty())
      return usage("--default forgets the caps of one mailbox: say --mailbox ADDRESS --default");
    return forget_own_caps(context, options);
  }
  if (options.given.empty()) return usage("nothing to set; see: hauspost filter set --help");
  TRY_ASSIGN(auto changes, filter_changes(options));
  // All of them are right, or nothing changes.
  admin::FilterListReply shown;
  for (const bool dry_run : {true, false}) {
    if (!dry_run && options.dry_run) break;
    shown.clear_entries();
    for (auto& [kind, request] : changes) {
      request.set_dry_run(dry_run);
      TRY_ASSIGN(const auto reply, context.ask(request));
      *shown.add_entries() = reply.entry();
    }
  }
  Json all = Json::array();
  for (const admin::FilterEntry& entry : shown.entries()) all.push_back(filter_json(entry));
  context.print(all);
  say_single_filters(context, shown);
  return {};
}

// ---- filter client

struct FilterClientOptions {
  std::string address;
};

Outcome<> run_filter_client_list(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::FilterClientsRequest{}));
  Json all = Json::array();
  Table table({{"BLOCKED"}, {"LEVEL", true}, {"UNTIL"}});
  for (const auto& client : reply.found().blocked()) {
    all.push_back(
        {{"address", client.address()}, {"level", client.level()}, {"until_s", client.until_s()}});
    table.add({client.address(), std::to_string(client.level()), human_time(client.until_s())});
  }
  context.print({{"blocked", all},
                 {"greylist_triplets", reply.found().triplets()},
                 {"greylist_networks", reply.found().networks()}});
  context.say((table.empty() ? "Nobody is blocked for a bad reputation.\n"
                             : table.render(terminal_width())) +
              fmt::format("Greylisting knows {} triplets and {} networks.",
                          reply.found().triplets(), reply.found().networks()));
  return {};
}

Outcome<> run_filter_client_lift(Context& context, FilterClientOptions& options) {
  admin::FilterLiftRequest request;
  request.mutable_work()->set_address(options.address);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print({{"lifted", options.address}});
  context.say(fmt::format("{} is not blocked any more", printable(options.address)));
  return {};
}

// ---- The command line

void add_filter_values(CLI::App& verb, const std::shared_ptr<FilterOptions>& options) {
  for (const FilterKey& key : options->kind->keys) {
    auto* option = verb.add_option_function<std::string>(
        "--" + std::string(key.key),
        [options, name = std::string(key.key)](const std::string& value) {
          options->values[name] = value;
        },
        std::string(key.help));
    if (key.unit == FilterUnit::kSwitch) option->check(CLI::IsMember({"on", "off"}));
    option->type_name(key.unit == FilterUnit::kNumber   ? "N"
                      : key.unit == FilterUnit::kSwitch ? "on|off"
                      : key.unit == FilterUnit::kText   ? "TEXT"
                                                        : "TIME");
  }
}

void add_filter_list_verbs(CLI::App& group, const FilterKind& kind, Verb& chosen) {
  const auto make = [&] {
    auto options = std::make_shared<FilterOptions>();
    options->kind = &kind;
    return options;
  };
  const auto named = [&](const std::string& name, const std::string& help,
                         VerbFunction<FilterOptions> run, bool values) {
    auto options = make();
    CLI::App* verb = add_verb<FilterOptions>(group, name, help, chosen, options, run);
    verb->add_option(std::string(kind.name), options->name, std::string(kind.name_help))
        ->required();
    if (values) add_filter_values(*verb, options);
    verb->add_flag("--dry-run", options->dry_run, "Check and show, change nothing");
  };
  auto listing = make();
  add_verb<FilterOptions>(group, "list", "List them", chosen, listing, run_filter_list);
  named("add", "Add one", run_filter_add, true);
  if (!kind.keys.empty()) named("set", "Change one", run_filter_change, true);
  named("remove", "Remove one", run_filter_remove, false);
}

void add_filter_set(CLI::App& noun, Verb& chosen) {
  auto options = std::make_shared<FilterSetOptions>();
  CLI::App* set = add_verb<FilterSetOptions>(
      noun, "set", "Change greylisting, checks of clients, reputation and caps of users", chosen,
      options, run_filter_set);
  for (const FilterSetOption& one : kFilterSetOptions) {
    auto* option = set->add_option_function<std::string>(
        "--" + std::string(one.option),
        [options, &one](const std::string& value) { options->given.emplace_back(&one, value); },
        std::string(one.key.help));
    const bool is_switch = one.key.unit == FilterUnit::kSwitch;
    if (is_switch) option->check(CLI::IsMember({"on", "off"}));
    option->type_name(is_switch ? "on|off" : one.key.unit == FilterUnit::kNumber ? "N" : "TIME");
  }
  set->add_option("--mailbox", options->mailbox, "Caps of this mailbox, instead of everybody's")
      ->type_name("ADDRESS");
  set->add_flag("--default", options->use_default, "The mailbox has the caps of everybody again");
  set->add_flag("--dry-run", options->dry_run, "Check and show, change nothing");
}

}  // namespace

void add_filter_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "filter", "What may refuse mail from outside");
  add_verb(*noun, "show", "Show all filters and their settings", chosen, run_filter_show);
  add_filter_set(*noun, chosen);
  for (const FilterKind& kind : kFilterLists) {
    CLI::App* group = noun->add_subcommand(std::string(kind.kind), std::string(kind.title));
    add_filter_list_verbs(*group, kind, chosen);
  }
  CLI::App* client =
      noun->add_subcommand("client", "Clients that are blocked for their reputation");
  add_verb(*client, "list", "List them", chosen, run_filter_client_list);
  auto lift = std::make_shared<FilterClientOptions>();
  CLI::App* verb = add_verb<FilterClientOptions>(*client, "lift", "Take mail of one again", chosen,
                                                 lift, run_filter_client_lift);
  verb->add_option("ADDRESS", lift->address, "As list shows it")->required();
  CLI::App* milters = add_noun(app, "milter", std::string(kMilterKind.title));
  add_filter_list_verbs(*milters, kMilterKind, chosen);
}

}  // namespace hauspost::cli
