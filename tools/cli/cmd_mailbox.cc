#include "tools/cli/cmd_mailbox.h"

#include <fmt/format.h>

#include "tools/cli/limit_options.h"
#include "tools/cli/mailbox_import.h"
#include "tools/cli/password.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct MailboxOptions {
  std::string name;
  std::string csv;
  std::string database;
  std::string domain;
  std::string display_name;
  std::vector<std::string> aliases;
  PasswordOptions password;
  bool dry_run = false;
  bool permanent = false;
  bool all = false;
  bool disconnected = false;
  bool shared = false;
};

Outcome<> create_one(Context& context, const MailboxOptions& options) {
  admin::MailboxCreateRequest request;
  request.set_dry_run(options.dry_run);
  admin::NewMailbox& wanted = *request.add_mailboxes();
  wanted.set_address(options.name);
  wanted.set_database(options.database);
  wanted.set_display_name(options.display_name);
  for (const std::string& alias : options.aliases) wanted.add_aliases(alias);
  wanted.set_shared(options.shared);
  NewPassword password;
  if (!options.dry_run && !options.shared) {
    TRY_ASSIGN(password, obtain_password(options.password, options.name));
    wanted.set_password(std::string(password.secret.reveal()));
  }
  TRY_ASSIGN(const auto reply, context.ask(request));
  if (reply.outcomes_size() != 1) {
    return refused(ErrorCode::kInternal, "mailbox create: the server gave no outcome; see its log");
  }
  const admin::MailboxOutcome& outcome = reply.outcomes(0);
  if (!outcome.error().empty()) {
    return std::unexpected(Failure{Exit::kRefused, outcome.error_code(), outcome.error()});
  }
  Json answer = to_json(outcome.mailbox());
  if (password.generated) answer["password"] = password.secret.reveal();
  answer["dry_run"] = options.dry_run;
  context.print(answer);
  context.say(fmt::format("Mailbox {} {} in database {}.", printable(outcome.mailbox().address()),
                          options.dry_run ? "could be created" : "is created",
                          printable(outcome.mailbox().database())));
  if (password.generated) {
    context.say(fmt::format("Password: {}  (shown this once)", password.secret.reveal()));
  }
  return {};
}

Outcome<> run_mailbox_create(Context& context, MailboxOptions& options) {
  if (options.csv.empty() == options.name.empty()) {
    return usage("mailbox create: give either an ADDRESS or --csv FILE");
  }
  if (options.shared && !options.csv.empty())
    return usage("mailbox create: --shared makes one mailbox at a time");
  if (options.csv.empty()) return create_one(context, options);
  return import_mailboxes(context, {.file = options.csv,
                                    .database = options.database,
                                    .generate = options.password.generate,
                                    .dry_run = options.dry_run});
}

std::string protocols_text(const admin::Mailbox& mailbox) {
  std::string out;
  const auto add = [&](bool on, std::string_view name) {
    if (on) out += fmt::format("{}{}", out.empty() ? "" : " ", name);
  };
  add(mailbox.imap() && !mailbox.protocol_restricted(), "imap");
  add(mailbox.pop3() && !mailbox.protocol_restricted(), "pop3");
  add(mailbox.smtp(), "smtp");
  return out.empty() ? "none" : out;
}

Outcome<> run_mailbox_list(Context& context, MailboxOptions& options) {
  if (options.disconnected) return list_disconnected(context, options.database);
  admin::MailboxListRequest request;
  request.set_database(options.database);
  request.set_domain(options.domain);
  request.set_all(options.all);
  Json all = Json::array();
  Table table({{"ADDRESS"}, {"NAME"}, {"DATABASE"}, {"LOGIN"}, {"ALIASES", true}, {"CREATED"}});
  for (bool more = true; more;) {
    TRY_ASSIGN(const auto reply, context.ask(request));
    for (const auto& mailbox : reply.mailboxes()) {
      if (context.json()) {
        all.push_back(to_json(mailbox));
        continue;
      }
      table.add({mailbox.address(), mailbox.display_name(), mailbox.database(),
                 mailbox.system()    ? "system"
                 : mailbox.shared()  ? "shared"
                 : mailbox.enabled() ? protocols_text(mailbox)
                                     : "disabled",
                 std::to_string(mailbox.aliases_size()), human_time(mailbox.created_s())});
    }
    more = reply.more() && reply.mailboxes_size() > 0;
    if (more) request.set_after(reply.mailboxes(reply.mailboxes_size() - 1).address());
  }
  context.print(all);
  context.say(table.render(terminal_width()));
  return {};
}

Outcome<> run_mailbox_show(Context& context, MailboxOptions& options) {
  admin::MailboxShowRequest request;
  request.set_name(options.name);
  TRY_ASSIGN(const auto reply, context.ask(request));
  const admin::Mailbox& mailbox = reply.mailbox();
  Json answer = to_json(mailbox);
  answer["effective"] = to_json(reply.effective());
  context.print(answer);
  Table table({{"FIELD"}, {"VALUE"}});
  table.add({"address", mailbox.address()});
  for (const auto& alias : mailbox.aliases()) table.add({"alias", alias});
  table.add({"name", mailbox.display_name()});
  table.add({"guid", guid_text(mailbox.guid())});
  table.add({"database", mailbox.database()});
  table.add({"enabled", mailbox.enabled() ? "yes" : "no"});
  table.add({"login", mailbox.system()   ? "system"
                      : mailbox.shared() ? "shared"
                                         : protocols_text(mailbox)});
  if (mailbox.app_passwords_only()) table.add({"passwords", "app passwords only"});
  if (mailbox.protocol_restricted()) table.add({"restricted", "never over IMAP or POP3"});
  if (!mailbox.imap_without().empty())
    table.add({"imap without", imap_without_text(mailbox)});
  if (!mailbox.forward_to().empty())
    table.add({"forwarded", forwarding_text(mailbox)});
  table.add({"created", human_time(mailbox.created_s())});
  add_limit_rows(table, reply.effective(), mailbox.limits(), LimitScope::kMailbox);
  context.say(table.render(terminal_width()));
  return {};
}

Outcome<> run_set_password(Context& context, MailboxOptions& options) {
  TRY_ASSIGN(const NewPassword password, obtain_password(options.password, options.name));
  admin::MailboxSetPasswordRequest request;
  request.set_name(options.name);
  request.set_password(std::string(password.secret.reveal()));
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json answer = {{"address", reply.mailbox().address()}};
  answer["sessions_ended"] = reply.sessions_ended();
  if (password.generated) answer["password"] = password.secret.reveal();
  context.print(answer);
  context.say(fmt::format("Mailbox {} has a new password{}.", printable(reply.mailbox().address()),
                          sessions_ended_text(reply.sessions_ended())));
  if (password.generated) {
    context.say(fmt::format("Password: {}  (shown this once)", password.secret.reveal()));
  }
  return {};
}

Outcome<> run_mailbox_remove(Context& context, MailboxOptions& options) {
  if (!options.dry_run) {
    TRY(context.confirm(fmt::format("Remove mailbox {}{}", printable(options.name),
                                    options.permanent ? " and destroy its mail" : "")));
  }
  admin::MailboxRemoveRequest request;
  request.set_name(options.name);
  request.set_dry_run(options.dry_run);
  request.set_permanent(options.permanent);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json answer = to_json(reply.mailbox());
  answer["messages_left"] = reply.messages_left();
  answer["purge_s"] = reply.purge_s();
  answer["sessions_ended"] = reply.sessions_ended();
  answer["dry_run"] = options.dry_run;
  context.print(answer);
  context.say(fmt::format("Mailbox {} {}{}{}.", printable(reply.mailbox().address()),
                          options.dry_run ? "would be removed" : "is removed",
                          sessions_ended_text(reply.sessions_ended()),
                          reply.messages_left() ? fmt::format("; its mail is kept until {}",
                                                              human_time(reply.purge_s()))
                                                : ""));
  return {};
}

}  // namespace

std::string sessions_ended_text(std::uint32_t sessions) {
  if (sessions == 0) return {};
  return sessions == 1 ? ", and 1 open session is ended"
                       : fmt::format(", and {} open sessions are ended", sessions);
}

namespace {

Outcome<> run_client_settings(Context& context, MailboxOptions& options) {
  admin::ClientSettingsRequest request;
  request.set_name(options.name);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print(to_json_list(reply.settings()));
  Table table({{"SERVICE"}, {"SERVER"}, {"PORT", true}, {"ENCRYPTION"}, {"USER NAME"}, {"FROM"}, {"STATE"}});
  for (const auto& setting : reply.settings()) {
    table.add({setting.service(), setting.host(), std::to_string(setting.port()),
               setting.encryption(), setting.user().empty() ? "-" : setting.user(),
               setting.outside() ? "outside" : "inside", setting.available() ? "on" : "off"});
  }
  context.say(table.render(terminal_width()));
  return {};
}

CLI::App* add(CLI::App& noun, const std::string& name, const std::string& description, Verb& chosen,
              VerbFunction<MailboxOptions> run, const std::shared_ptr<MailboxOptions>& options,
              const std::string& argument) {
  CLI::App* verb = add_verb<MailboxOptions>(noun, name, description, chosen, options, run);
  if (!argument.empty()) verb->add_option(argument, options->name, "The mailbox");
  return verb;
}

void add_create(CLI::App& noun, Verb& chosen, const std::shared_ptr<MailboxOptions>& options) {
  CLI::App* verb = add(noun, "create", "Create a mailbox, or many from a file", chosen, run_mailbox_create,
                       options, "ADDRESS");
  verb->add_option(
          "--csv", options->csv,
          "Create one mailbox a line; the header line names the columns address, password, "
          "display_name, database, aliases (only address is required)")
      ->type_name("FILE");
  verb->add_option("--database", options->database,
                   "The database it lives in (default: the one with the fewest mailboxes)");
  verb->add_option("--display-name", options->display_name, "The name people read");
  verb->add_option("--alias", options->aliases, "A further address; may be given several times")
      ->allow_extra_args(false);
  verb->add_flag("--shared", options->shared,
                 "Nobody's own: no password, others are let in by `mailbox permission add`");
  verb->add_flag("--dry-run", options->dry_run, "Only check");
  add_password_options(*verb, options->password);
}

}  // namespace

void add_mailbox_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "mailbox", "Mailboxes: accounts and their mail");
  auto options = std::make_shared<MailboxOptions>();
  add_create(*noun, chosen, options);
  CLI::App* list = add(*noun, "list", "List the mailboxes", chosen, run_mailbox_list, options, "");
  list->add_option("--database", options->database, "Only those of this database");
  list->add_option("--domain", options->domain, "Only those of this domain");
  list->add_flag("--all", options->all, "Also the server's own");
  list->add_flag("--disconnected", options->disconnected,
                 "Those without an owner, whose mail is still kept");
  add(*noun, "show", "Show one mailbox", chosen, run_mailbox_show, options, "ADDRESS")
      ->get_option("ADDRESS")
      ->required();
  CLI::App* set_password = add(*noun, "set-password", "Give a mailbox a new password", chosen,
                               run_set_password, options, "ADDRESS");
  set_password->get_option("ADDRESS")->required();
  add_password_options(*set_password, options->password);
  CLI::App* remove = add(*noun, "remove", "Remove a mailbox; its mail is kept for a time", chosen,
                         run_mailbox_remove, options, "ADDRESS");
  remove->get_option("ADDRESS")->required();
  remove->add_flag("--dry-run", options->dry_run, "Only say what would be done");
  remove->add_flag("--permanent", options->permanent, "Destroy its mail at once");
  add_mailbox_limit_commands(*noun, chosen);
  add_mailbox_recover_commands(*noun, chosen);
  add_app_password_commands(*noun, chosen);
  add_mailbox_permission_commands(*noun, chosen);
  add_mailbox_transfer_commands(*noun, chosen);
  add(*noun, "client-settings", "Show what to type into a mail program", chosen,
      run_client_settings, options, "ADDRESS");
}

}  // namespace hauspost::cli
