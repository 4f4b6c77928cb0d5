#include <fmt/format.h>

#include "tools/cli/commands.h"
#include "tools/cli/connection_options.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct WithdrawnLift {
  std::string name;
  std::string extension;
  bool all = false;
  bool dry_run = false;
};

struct ImapSet {
  std::optional<std::uint32_t> message_limit;
  ConnectionOptions connections;
  bool dry_run = false;
};

void show_imap(Context& context, const admin::ImapSettings& settings) {
  const std::uint32_t messages = settings.command_messages_max();
  context.print({{"command_messages_max", messages},
                 {"external", connection_json(settings.external())},
                 {"internal", connection_json(settings.internal())}});
  Table table({{"SETTING"}, {"VALUE"}});
  table.add({"message-limit", messages == 0 ? "none" : std::to_string(messages)});
  table.add({"external", connection_words(settings.external(), "not shown to users")});
  table.add({"internal", connection_words(settings.internal(), "as it listens")});
  context.say(table.render(terminal_width()));
}

Outcome<> run_imap_show(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::ImapShowRequest{}));
  show_imap(context, reply.settings());
  return {};
}

Outcome<> run_imap_set(Context& context, ImapSet& options) {
  admin::ImapSetRequest request;
  request.set_dry_run(options.dry_run);
  if (options.message_limit) request.set_command_messages_max(*options.message_limit);
  const bool connections = ask_connections(options.connections, request);
  if (!connections && !request.has_command_messages_max())
    return usage("nothing to set; see: hauspost imap set --help");
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_imap(context, reply.settings());
  return {};
}

Json as_json(const admin::ImapWithdrawal& one) {
  return {{"user", one.user()},
          {"database", one.database()},
          {"extension", one.withdrawal().extension()},
          {"device", one.withdrawal().device()},
          {"address", one.withdrawal().address()},
          {"cause", one.withdrawal().cause()},
          {"since_s", one.withdrawal().since_s()},
          {"until_s", one.withdrawal().until_s()}};
}

template <class Withdrawals>
void show_withdrawals(Context& context, const Withdrawals& withdrawals) {
  Table table({{"USER"}, {"DEVICE"}, {"ADDRESS"}, {"EXTENSION"}, {"UNTIL"}, {"CAUSE"}});
  for (const admin::ImapWithdrawal& one : withdrawals) {
    const auto& what = one.withdrawal();
    table.add({one.user(), what.device().empty() ? "-" : what.device(), what.address(),
               what.extension(), human_time(what.until_s()), what.cause()});
  }
  context.say(table.render(terminal_width()));
}

template <class Names>
Outcome<> all_answered(const Names& silent) {
  if (silent.empty()) return {};
  std::string names;
  for (const std::string& name : silent) names += (names.empty() ? "" : ", ") + name;
  return partial(fmt::format("no answer from database {}; see: hauspost database list", names));
}

Outcome<> run_withdrawn_list(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::ImapWithdrawnListRequest{}));
  Json all = Json::array();
  for (const auto& one : reply.withdrawals()) all.push_back(as_json(one));
  context.print(all);
  if (reply.withdrawals().empty())
    context.say("Nothing is withdrawn from any device.");
  else
    show_withdrawals(context, reply.withdrawals());
  return all_answered(reply.silent());
}

Outcome<> run_withdrawn_lift(Context& context, WithdrawnLift& options) {
  if (options.name.empty() != options.all)
    return usage("imap withdrawn lift: give either an ADDRESS or --all");
  admin::ImapWithdrawnLiftRequest request;
  request.set_name(options.name);
  request.set_extension(options.extension);
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json lifted = Json::array();
  for (const auto& one : reply.lifted()) lifted.push_back(as_json(one));
  context.print({{"lifted", lifted}, {"dry_run", options.dry_run}});
  if (reply.lifted().empty()) {
    context.say("Nothing is withdrawn there.");
  } else {
    context.say(options.dry_run ? "Would be offered again:"
                                : "Offered again, from the next session on:");
    show_withdrawals(context, reply.lifted());
  }
  return all_answered(reply.silent());
}

}  // namespace

void add_imap_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "imap", "What IMAP offers");
  add_verb(*noun, "show", "Show the settings", chosen, run_imap_show);
  auto settings = std::make_shared<ImapSet>();
  CLI::App* set = add_verb<ImapSet>(*noun, "set",
                                    "Change settings, for sessions that begin from now on", chosen,
                                    settings, run_imap_set);
  set->add_option("--message-limit", settings->message_limit,
                  "Messages that one command may process, 1000 or more; 0: no limit. Programs that "
                  "do not know RFC 9738 see only the latest of larger folders")
      ->type_name("N");
  add_connection_options(*set, settings->connections);
  set->add_flag("--dry-run", settings->dry_run, "Check and show, change nothing");
  CLI::App* withdrawn =
      add_noun(*noun, "withdrawn", "Extensions kept from devices that cannot use them");
  add_verb(*withdrawn, "list", "List what is withdrawn from which device", chosen,
           run_withdrawn_list);
  auto options = std::make_shared<WithdrawnLift>();
  CLI::App* lift = add_verb<WithdrawnLift>(*withdrawn, "lift", "Offer again what was withdrawn",
                                           chosen, options, run_withdrawn_lift);
  lift->add_option("ADDRESS", options->name, "From the devices of this mailbox");
  lift->add_flag("--all", options->all, "From everybody's");
  lift->add_option("--extension", options->extension, "Only this one, as the list spells it")
      ->type_name("NAME");
  lift->add_flag("--dry-run", options->dry_run, "Only say what would be done");
}

}  // namespace hauspost::cli
