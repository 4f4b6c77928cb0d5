#include <fmt/format.h>

#include "tools/cli/amount.h"
#include "tools/cli/commands.h"
#include "tools/cli/connection_options.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct Pop3Set {
  std::string sort_order;
  std::optional<std::uint32_t> sessions_per_account;
  std::string login_time;
  std::string idle_time;
  std::optional<std::uint32_t> command_bytes;
  ConnectionOptions connections;
  bool dry_run = false;
};

std::string_view order_word(admin::Pop3SortOrder order) {
  return order == admin::POP3_SORT_ORDER_NEWEST_FIRST ? "newest-first" : "oldest-first";
}

void show_pop3(Context& context, const admin::Pop3Settings& settings) {
  context.print({{"sort_order", order_word(settings.sort_order())},
                 {"sessions_per_account_max", settings.sessions_per_account_max()},
                 {"login_s", settings.login_s()},
                 {"idle_s", settings.idle_s()},
                 {"line_bytes_max", settings.line_bytes_max()},
                 {"external", connection_json(settings.external())},
                 {"internal", connection_json(settings.internal())}});
  Table table({{"SETTING"}, {"VALUE"}});
  table.add({"sort-order", std::string(order_word(settings.sort_order()))});
  table.add({"sessions-per-account", std::to_string(settings.sessions_per_account_max())});
  table.add({"login-time", duration_text(settings.login_s())});
  table.add({"idle-time", duration_text(settings.idle_s())});
  table.add({"command-bytes", std::to_string(settings.line_bytes_max())});
  table.add({"external", connection_words(settings.external(), "not shown to users")});
  table.add({"internal", connection_words(settings.internal(), "as it listens")});
  context.say(table.render(terminal_width()));
}

Outcome<std::uint32_t> seconds_of(std::string_view option, const std::string& text) {
  const auto seconds = parse_duration(text);
  if (!seconds || *seconds < 0 || *seconds > UINT32_MAX)
    return usage(fmt::format("{} {}: a time, for instance 90s or 30m", option, printable(text)));
  return static_cast<std::uint32_t>(*seconds);
}

Outcome<> run_pop3_show(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::Pop3ShowRequest{}));
  show_pop3(context, reply.settings());
  return {};
}

Outcome<> run_pop3_set(Context& context, Pop3Set& options) {
  admin::Pop3SetRequest request;
  request.set_dry_run(options.dry_run);
  if (!options.sort_order.empty()) {
    request.set_sort_order(options.sort_order == "newest-first"
                               ? admin::POP3_SORT_ORDER_NEWEST_FIRST
                               : admin::POP3_SORT_ORDER_OLDEST_FIRST);
  }
  if (options.sessions_per_account)
    request.set_sessions_per_account_max(*options.sessions_per_account);
  if (!options.login_time.empty()) {
    TRY_ASSIGN(const std::uint32_t seconds, seconds_of("--login-time", options.login_time));
    request.set_login_s(seconds);
  }
  if (!options.idle_time.empty()) {
    TRY_ASSIGN(const std::uint32_t seconds, seconds_of("--idle-time", options.idle_time));
    request.set_idle_s(seconds);
  }
  if (options.command_bytes) request.set_line_bytes_max(*options.command_bytes);
  const bool any = request.has_sort_order() || request.has_sessions_per_account_max() ||
                   request.has_login_s() || request.has_idle_s() || request.has_line_bytes_max() ||
                   ask_connections(options.connections, request);
  if (!any) return usage("nothing to set; see: hauspost pop3 set --help");
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_pop3(context, reply.settings());
  return {};
}

}  // namespace

void add_pop3_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "pop3", "Settings of POP3");
  add_verb(*noun, "show", "Show the settings", chosen, run_pop3_show);
  auto options = std::make_shared<Pop3Set>();
  CLI::App* set =
      add_verb<Pop3Set>(*noun, "set", "Change settings, for sessions that begin from now on",
                           chosen, options, run_pop3_set);
  set->add_option("--sort-order", options->sort_order, "How messages are numbered")
      ->check(CLI::IsMember({"oldest-first", "newest-first"}));
  set->add_option("--sessions-per-account", options->sessions_per_account,
                  "POP3 sessions that an account may have at once")
      ->type_name("N");
  set->add_option("--login-time", options->login_time, "From connecting to login; 10s to 1h")
      ->type_name("TIME");
  set->add_option("--idle-time", options->idle_time,
                  "Without a command, after that the session ends; 30s to 1h")
      ->type_name("TIME");
  set->add_option("--command-bytes", options->command_bytes,
                  "Longest command with its line end; 40 to 1024")
      ->type_name("N");
  add_connection_options(*set, options->connections);
  set->add_flag("--dry-run", options->dry_run, "Check and show, change nothing");
}

}  // namespace hauspost::cli
