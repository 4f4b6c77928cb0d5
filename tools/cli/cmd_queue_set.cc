// Settings of the queue, and the Safety Net.
#include <fmt/format.h>

#include <ctime>

#include "base/text.h"
#include "server/child/queue.pb.h"
#include "tools/cli/amount.h"
#include "tools/cli/cmd_queue.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct QueueSetOptions {
  std::vector<std::string> changes;
  bool dry_run = false;
};

struct ResubmitOptions {
  std::string from;
  std::string to;
  std::string sender;
  std::string recipient;
  std::string database;
  bool dry_run = false;
};

std::string setting_text(const admin::QueueSetting& setting, std::uint64_t value) {
  if (setting.unit() == "seconds") return duration_text(static_cast<std::int64_t>(value));
  if (setting.unit() == "MiB") return fmt::format("{}M", value);
  if (setting.unit() == "percent") return fmt::format("{}%", value);
  return std::to_string(value);
}

std::optional<std::uint64_t> setting_value(const std::string& unit, std::string text) {
  if (unit == "seconds") {
    const auto seconds = parse_duration(text);
    if (!seconds || *seconds < 0) return std::nullopt;
    return static_cast<std::uint64_t>(*seconds);
  }
  if (unit == "MiB") {
    const auto bytes = parse_size(text);
    constexpr std::uint64_t kMebibyte = 1 << 20;
    if (!bytes || *bytes % kMebibyte != 0) return std::nullopt;
    return *bytes / kMebibyte;
  }
  if (unit == "percent" && text.ends_with('%')) text.pop_back();
  return parse_u64(text);
}

Outcome<> add_change(const std::string& change, const admin::QueueSetReply& known,
                     admin::QueueSetRequest& request) {
  const std::size_t equals = change.find('=');
  if (equals == change.npos)
    return usage(fmt::format("{}: NAME=VALUE, for instance expiry=3d", printable(change)));
  const std::string name = change.substr(0, equals);
  const std::string value = change.substr(equals + 1);
  admin::QueueChange& one = *request.add_changes();
  one.set_name(name);
  if (value == "default") return {};
  for (const admin::QueueSetting& setting : known.settings()) {
    if (setting.name() != name) continue;
    const auto number = setting_value(setting.unit(), value);
    if (!number) {
      return usage(fmt::format("{}: {} in {}, for instance {}", printable(change), name,
                               setting.unit(), setting_text(setting, setting.usual())));
    }
    one.set_value(*number);
    return {};
  }
  return usage(
      fmt::format("the queue has no setting {}; see: hauspost queue set", printable(name)));
}

void show_queue_settings(Context& context, const admin::QueueSetReply& reply) {
  Json settings = Json::array();
  Table table({{"SETTING"}, {"VALUE", true}, {"DEFAULT", true}, {"WHAT IT IS"}});
  for (const admin::QueueSetting& setting : reply.settings()) {
    settings.push_back({{"name", setting.name()},
                        {"unit", setting.unit()},
                        {"value", setting.value()},
                        {"default", setting.usual()},
                        {"least", setting.least()},
                        {"most", setting.most()}});
    table.add({setting.name(), setting_text(setting, setting.value()),
               setting_text(setting, setting.usual()), setting.words()});
  }
  context.print(settings);
  context.say(table.render(terminal_width()));
}

Outcome<> run_queue_set(Context& context, QueueSetOptions& options) {
  admin::QueueSetRequest request;
  TRY_ASSIGN(auto reply, context.ask(request));
  if (!options.changes.empty()) {
    for (const std::string& change : options.changes) TRY(add_change(change, reply, request));
    request.set_dry_run(options.dry_run);
    TRY_ASSIGN(reply, context.ask(request));
  }
  show_queue_settings(context, reply);
  return {};
}

Outcome<std::int64_t> resubmit_moment(std::string_view option, const std::string& text,
                                      std::int64_t missing) {
  if (text.empty()) return missing;
  const auto moment = parse_moment(text, std::time(nullptr));
  if (moment && *moment >= 0) return *moment;
  return usage(fmt::format("{} {}: a time, for instance \"2026-11-21 19:00\" or 2h ago as 2h",
                           option, printable(text)));
}

// The value of a condition; quotes keep what stands in it together.
Outcome<> add_condition(std::string& filter, std::string_view field, const std::string& text) {
  if (text.empty()) return {};
  if (text.find('"') != text.npos)
    return usage(fmt::format("--{} {}: may not hold a quote", field, printable(text)));
  filter += fmt::format("{}{} ~ \"{}\"", filter.empty() ? "" : " and ", field, text);
  return {};
}

Outcome<> run_resubmit(Context& context, ResubmitOptions& options) {
  admin::SafetyNetResubmitRequest request;
  auto& work = *request.mutable_work();
  TRY_ASSIGN(const std::int64_t from_s, resubmit_moment("--from", options.from, 0));
  TRY_ASSIGN(const std::int64_t to_s, resubmit_moment("--to", options.to, std::time(nullptr)));
  if (from_s >= to_s) return usage("--from must be before --to");
  work.set_from_s(from_s);
  work.set_to_s(to_s);
  work.set_database(options.database);
  TRY(add_condition(*work.mutable_filter(), "sender", options.sender));
  TRY(add_condition(*work.mutable_filter(), "recipient", options.recipient));
  request.set_dry_run(options.dry_run);
  std::uint64_t messages = 0;
  do {
    TRY_ASSIGN(const auto reply, context.ask(request));
    messages += reply.done().messages();
    work.set_cursor(reply.done().next());
  } while (!work.cursor().empty());
  context.print({{"messages", messages}, {"dry_run", options.dry_run}});
  context.say(fmt::format("{} {}.", messages_text(messages),
                          options.dry_run ? "would be delivered again"
                                          : "delivered again; mailboxes that have one keep one"));
  return {};
}

}  // namespace

void add_queue_set_command(CLI::App& queue, Verb& chosen) {
  auto options = std::make_shared<QueueSetOptions>();
  CLI::App* set = add_verb<QueueSetOptions>(queue, "set",
                                            "Change settings of the queue; without any: show them",
                                            chosen, options, run_queue_set);
  set->add_option("NAME=VALUE", options->changes,
                  "For instance glitch-interval=30s expiry=3d safety-net=2d; =default takes a "
                  "change back");
  set->add_flag("--dry-run", options->dry_run, "Check and show, change nothing");
}

void add_safety_net_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "safetynet", "Delivered mail that is kept for a while");
  auto options = std::make_shared<ResubmitOptions>();
  CLI::App* resubmit = add_verb<ResubmitOptions>(
      *noun, "resubmit", "Deliver mail of the Safety Net again; who has it does not get it twice",
      chosen, options, run_resubmit);
  resubmit->add_option("--from", options->from, "Delivered since then (default: all that is kept)")
      ->type_name("TIME");
  resubmit->add_option("--to", options->to, "Delivered until then (default: now)")
      ->type_name("TIME");
  resubmit->add_option("--database", options->database, "Only what this database was given")
      ->type_name("NAME");
  resubmit->add_option("--sender", options->sender, "Only senders that contain this")
      ->type_name("TEXT");
  resubmit->add_option("--recipient", options->recipient, "Only recipients that contain this")
      ->type_name("TEXT");
  resubmit->add_flag("--dry-run", options->dry_run, "Count them, change nothing");
}

}  // namespace hauspost::cli
