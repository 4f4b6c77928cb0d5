// App passwords of a mailbox: one a device.
#include <fmt/format.h>

#include "tools/cli/cmd_mailbox.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct AppPasswordOptions {
  std::string mailbox;
  std::string label;
  std::vector<std::string> protocols = {"imap", "pop3", "smtp"};
  bool dry_run = false;
};

std::string opens_text(const admin::AppPassword& entry) {
  std::string out;
  const auto add = [&](bool on, std::string_view name) {
    if (on) out += fmt::format("{}{}", out.empty() ? "" : " ", name);
  };
  add(entry.imap(), "imap");
  add(entry.pop3(), "pop3");
  add(entry.smtp(), "smtp");
  return out;
}

Json as_json(const admin::AppPassword& entry) {
  return {{"name", entry.label()},          {"imap", entry.imap()},
          {"pop3", entry.pop3()},           {"smtp", entry.smtp()},
          {"created_s", entry.created_s()}, {"used_s", entry.used_s()},
          {"used_from", entry.used_from()}};
}

Outcome<> run_app_password_create(Context& context, AppPasswordOptions& options) {
  admin::AppPasswordCreateRequest request;
  request.set_name(options.mailbox);
  request.set_label(options.label);
  for (const std::string& protocol : options.protocols) {
    if (protocol == "imap") request.set_imap(true);
    if (protocol == "pop3") request.set_pop3(true);
    if (protocol == "smtp") request.set_smtp(true);
  }
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json answer = {{"address", reply.mailbox().address()}};
  answer.update(as_json(reply.app_password()));
  answer["password"] = reply.password();
  context.print(answer);
  context.say(fmt::format(
      "Mailbox {} has an app password \"{}\" for {}.", printable(reply.mailbox().address()),
      printable(reply.app_password().label()), opens_text(reply.app_password())));
  context.say(fmt::format("Password: {}  (shown this once)", printable(reply.password())));
  return {};
}

Outcome<> run_app_password_list(Context& context, AppPasswordOptions& options) {
  admin::AppPasswordListRequest request;
  request.set_name(options.mailbox);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json all = Json::array();
  Table table({{"NAME"}, {"OPENS"}, {"CREATED"}, {"LAST USED"}, {"FROM"}});
  for (const admin::AppPassword& entry : reply.app_passwords()) {
    all.push_back(as_json(entry));
    table.add({entry.label(), opens_text(entry), human_time(entry.created_s()),
               human_time(entry.used_s()), entry.used_from().empty() ? "-" : entry.used_from()});
  }
  context.print(all);
  context.say(table.render(terminal_width()));
  return {};
}

Outcome<> run_app_password_revoke(Context& context, AppPasswordOptions& options) {
  admin::AppPasswordRevokeRequest request;
  request.set_name(options.mailbox);
  request.set_label(options.label);
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json answer = {{"address", reply.mailbox().address()}};
  answer.update(as_json(reply.app_password()));
  answer["sessions_ended"] = reply.sessions_ended();
  answer["dry_run"] = options.dry_run;
  context.print(answer);
  context.say(fmt::format(
      "App password \"{}\" of mailbox {} {} revoked{}.", printable(reply.app_password().label()),
      printable(reply.mailbox().address()), options.dry_run ? "would be" : "is",
      sessions_ended_text(reply.sessions_ended())));
  return {};
}

}  // namespace

void add_app_password_commands(CLI::App& noun, Verb& chosen) {
  CLI::App* group = noun.add_subcommand("app-password", "Passwords of single devices");
  auto options = std::make_shared<AppPasswordOptions>();
  const auto add = [&](const std::string& name, const std::string& description,
                       VerbFunction<AppPasswordOptions> run) {
    CLI::App* verb = add_verb<AppPasswordOptions>(*group, name, description, chosen, options, run);
    verb->add_option("ADDRESS", options->mailbox, "The mailbox")->required();
    return verb;
  };
  const auto add_name = [&](CLI::App* verb) {
    verb->add_option("--name", options->label, "What it is for, for instance phone")
        ->required()
        ->type_name("NAME");
  };
  CLI::App* create = add("create", "Make a password for one device", run_app_password_create);
  add_name(create);
  create
      ->add_option("--protocols", options->protocols,
                   "What it opens (default: all), of imap, pop3 and smtp")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"imap", "pop3", "smtp"}))
      ->type_name("NAME,...");
  add("list", "List them, with their last use", run_app_password_list);
  CLI::App* revoke =
      add("revoke", "Revoke one: it opens nothing from now on", run_app_password_revoke);
  add_name(revoke);
  revoke->add_flag("--dry-run", options->dry_run, "Only say what would be done");
}

}  // namespace hauspost::cli
