#include <fmt/format.h>

#include "base/clock.h"
#include "server/child/defence.pb.h"
#include "tools/cli/amount.h"
#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct BlockOptions {
  std::string subject;
  bool all = false;
  std::vector<std::string> networks;
  std::optional<std::uint32_t> failures;
  std::optional<std::uint32_t> account_failures;
  std::string period;
  std::string time;
  std::string longest;
  bool dry_run = false;
};

Outcome<> run_block_list(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::BlockListRequest{}));
  const auto now = std::chrono::floor<Seconds>(system_clock().now()).time_since_epoch().count();
  Json all = Json::array();
  Table table({{"BLOCKED"}, {"KIND"}, {"SINCE"}, {"LEFT", true}, {"TIMES", true}, {"LAST FROM"}});
  for (const auto& block : reply.blocks()) {
    const std::string kind = block.account() ? "account" : "address";
    all.push_back({{"subject", block.subject()},
                   {"kind", kind},
                   {"since_s", block.since_s()},
                   {"until_s", block.until_s()},
                   {"times", block.times()},
                   {"last_client", block.last_client()}});
    table.add({printable(block.subject()), kind, human_time(block.since_s()),
               human_seconds(std::max<std::int64_t>(0, block.until_s() - now)),
               std::to_string(block.times()), block.last_client()});
  }
  context.print({{"total", reply.total()}, {"blocks", all}});
  context.say(table.empty() ? "Nobody is blocked" : table.render(terminal_width()));
  return {};
}

Outcome<> run_block_lift(Context& context, BlockOptions& options) {
  if (options.all == !options.subject.empty())
    return usage("name an account, an address or a network, or say --all");
  admin::BlockLiftRequest request;
  request.set_name(options.subject);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print({{"lifted", reply.lifted()}});
  context.say(fmt::format("{} block{} lifted", reply.lifted(), reply.lifted() == 1 ? "" : "s"));
  return {};
}

void show_block_rules(Context& context, const admin::BlockRules& rules) {
  Json allowed = Json::array();
  std::string text;
  for (const std::string& network : rules.allowed()) {
    allowed.push_back(network);
    text += (text.empty() ? "" : ", ") + network;
  }
  context.print({{"failures_max", rules.failures_max()},
                 {"account_failures_max", rules.account_failures_max()},
                 {"period_s", rules.period_s()},
                 {"block_s", rules.block_s()},
                 {"longest_block_s", rules.longest_block_s()},
                 {"allowed", allowed}});
  Table table({{"SETTING"}, {"VALUE"}});
  table.add({"failures", std::to_string(rules.failures_max())});
  table.add({"account-failures", std::to_string(rules.account_failures_max())});
  table.add({"forgive", duration_text(rules.period_s())});
  table.add({"time", duration_text(rules.block_s())});
  table.add({"longest", duration_text(rules.longest_block_s())});
  table.add({"allowed", text.empty() ? "nobody" : text});
  context.say(table.render(terminal_width()));
}

Outcome<> run_block_show(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::BlockShowRequest{}));
  show_block_rules(context, reply.rules());
  return {};
}

Outcome<> change_rules(Context& context, const admin::BlockSetRequest& request) {
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_block_rules(context, reply.rules());
  return {};
}

Outcome<> run_block_allow(Context& context, BlockOptions& options) {
  admin::BlockSetRequest request;
  for (const std::string& network : options.networks) request.add_allow(network);
  return change_rules(context, request);
}

Outcome<> run_block_disallow(Context& context, BlockOptions& options) {
  admin::BlockSetRequest request;
  for (const std::string& network : options.networks) request.add_disallow(network);
  return change_rules(context, request);
}

Outcome<std::optional<std::uint32_t>> block_seconds(std::string_view option,
                                                    const std::string& text) {
  if (text.empty()) return std::optional<std::uint32_t>();
  const auto seconds = parse_duration(text);
  if (!seconds || *seconds < 0 || *seconds > UINT32_MAX)
    return usage(fmt::format("{} {}: a time, for instance 90s or 30m", option, printable(text)));
  return std::optional(static_cast<std::uint32_t>(*seconds));
}

Outcome<> run_block_set(Context& context, BlockOptions& options) {
  admin::BlockSetRequest request;
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(const auto period, block_seconds("--forgive", options.period));
  TRY_ASSIGN(const auto time, block_seconds("--time", options.time));
  TRY_ASSIGN(const auto longest, block_seconds("--longest", options.longest));
  if (!options.failures && !options.account_failures && !period && !time && !longest)
    return usage("nothing to set; see: hauspost block set --help");
  if (options.failures) request.set_failures_max(*options.failures);
  if (options.account_failures) request.set_account_failures_max(*options.account_failures);
  if (period) request.set_period_s(*period);
  if (time) request.set_block_s(*time);
  if (longest) request.set_longest_block_s(*longest);
  return change_rules(context, request);
}

}  // namespace

void add_block_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "block", "Who guesses passwords and may not go on for a while");
  auto options = std::make_shared<BlockOptions>();
  add_verb(*noun, "list", "List addresses and accounts that are blocked now", chosen,
           run_block_list);
  CLI::App* lift = add_verb<BlockOptions>(*noun, "lift", "End a block", chosen, options,
                                          run_block_lift);
  lift->add_option("SUBJECT", options->subject, "An account, an address or a network");
  lift->add_flag("--all", options->all, "End every block");
  add_verb<BlockOptions>(*noun, "allow", "Never block these addresses or networks", chosen, options,
                         run_block_allow)
      ->add_option("NETWORK", options->networks, "For instance 192.0.2.0/24 or 2001:db8::7")
      ->required();
  add_verb<BlockOptions>(*noun, "disallow", "Take addresses or networks off the allow-list", chosen,
                         options, run_block_disallow)
      ->add_option("NETWORK", options->networks, "As block show lists it")
      ->required();
  add_verb(*noun, "show", "Show the rules and the allow-list", chosen, run_block_show);
  CLI::App* set = add_verb<BlockOptions>(*noun, "set", "Change the rules", chosen, options,
                                         run_block_set);
  set->add_option("--failures", options->failures, "Failed logins that an address may have")
      ->type_name("N");
  set->add_option("--account-failures", options->account_failures,
                  "Failed logins that an account may have, from all addresses together")
      ->type_name("N");
  set->add_option("--forgive", options->period, "One failure is forgiven in this time")
      ->type_name("TIME");
  set->add_option("--time", options->time, "The first block; each further one is twice as long")
      ->type_name("TIME");
  set->add_option("--longest", options->longest, "The longest block")->type_name("TIME");
  set->add_flag("--dry-run", options->dry_run, "Check and show, change nothing");
}

}  // namespace hauspost::cli
