// Contacts and mail users: addresses of ours for somebody whose mailbox is elsewhere.
#include <fmt/format.h>

#include "tools/cli/recipient.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

constexpr const char* kContact = "contact";
constexpr const char* kMailUser = "mailuser";

admin::RecipientCreateRequest creation(const std::string& kind, const RecipientOptions& options) {
  admin::RecipientCreateRequest request;
  request.set_kind(kind);
  request.set_name(options.name);
  request.set_display_name(options.display_name);
  request.set_target(options.target);
  request.set_dry_run(options.dry_run);
  for (const std::string& alias : options.aliases) request.add_aliases(alias);
  return request;
}

Outcome<> create_contact(Context& context, RecipientOptions& options) {
  TRY_ASSIGN(const auto reply, context.ask(creation(kContact, options)));
  Json answer = to_json(reply.recipient());
  answer["dry_run"] = options.dry_run;
  context.print(answer);
  say_created(context, reply.recipient(), options.dry_run);
  return {};
}

void say_password(Context& context, const NewPassword& password) {
  if (password.generated)
    context.say(fmt::format("Password: {}  (shown this once)", password.secret.reveal()));
}

Outcome<> create_mail_user(Context& context, RecipientOptions& options) {
  auto request = creation(kMailUser, options);
  NewPassword password;
  if (!options.dry_run && !options.no_password) {
    TRY_ASSIGN(password, obtain_password(options.password, options.name));
    request.set_password(std::string(password.secret.reveal()));
  }
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json answer = to_json(reply.recipient());
  if (password.generated) answer["password"] = password.secret.reveal();
  answer["dry_run"] = options.dry_run;
  context.print(answer);
  say_created(context, reply.recipient(), options.dry_run);
  say_password(context, password);
  return {};
}

Outcome<> set_mail_user_password(Context& context, RecipientOptions& options) {
  TRY_ASSIGN(const NewPassword password, obtain_password(options.password, options.name));
  admin::RecipientSetPasswordRequest request;
  request.set_name(options.name);
  request.set_password(std::string(password.secret.reveal()));
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json answer = {{"address", reply.recipient().address()}};
  if (password.generated) answer["password"] = password.secret.reveal();
  context.print(answer);
  context.say(
      fmt::format("Mail user {} has a new password.", printable(reply.recipient().address())));
  say_password(context, password);
  return {};
}

Outcome<> list_outside(Context& context, const std::string& kind) {
  Json all = Json::array();
  Table table({{"ADDRESS"}, {"NAME"}, {"MAIL GOES TO"}, {"ALIASES", true}, {"CREATED"}});
  TRY(for_each_recipient(context, kind, [&](const admin::Recipient& one) {
    if (context.json()) {
      all.push_back(to_json(one));
      return;
    }
    table.add({one.address(), one.display_name(), one.target(), std::to_string(one.aliases_size()),
               human_time(one.created_s())});
  }));
  context.print(all);
  context.say(table.render(terminal_width()));
  return {};
}

Outcome<> set_outside(Context& context, const std::string& kind, const RecipientOptions& options) {
  if (options.target.empty() && options.display_name.empty() && options.add_aliases.empty() &&
      options.drop_aliases.empty())
    return usage(fmt::format("{} set: say what to set; see --help", kind));
  admin::RecipientSetRequest request;
  request.set_kind(kind);
  request.set_name(options.name);
  admin::RecipientChanges& changes = *request.mutable_changes();
  if (!options.target.empty()) changes.set_target(options.target);
  if (!options.display_name.empty()) changes.set_display_name(options.display_name);
  set_alias_changes(options, changes);
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_recipient(context, reply.recipient());
  return {};
}

// What both nouns have, each function knowing its own kind.
template <const char* const& kKind>
void add_outside_verbs(CLI::App& noun, Verb& chosen,
                       const std::shared_ptr<RecipientOptions>& options) {
  using Options = RecipientOptions;
  add_verb(
      noun, "list", "List them", chosen,
      +[](Context& context) { return list_outside(context, kKind); });
  add_verb<Options>(
      noun, "show", "Show one", chosen, options,
      +[](Context& context, Options& given) { return show_named(context, kKind, given); })
      ->add_option("ADDRESS", options->name, "Its address or an alias")
      ->required();
  CLI::App* set = add_verb<Options>(
      noun, "set", "Change one", chosen, options,
      +[](Context& context, Options& given) { return set_outside(context, kKind, given); });
  set->add_option("ADDRESS", options->name, "Its address or an alias")->required();
  set->add_option("--target", options->target, "The address outside that its mail goes to")
      ->type_name("ADDRESS");
  set->add_option("--display-name", options->display_name, "The name people read");
  add_alias_changes(*set, *options);
  CLI::App* remove = add_verb<Options>(
      noun, "remove", "Remove one", chosen, options,
      +[](Context& context, Options& given) { return remove_named(context, kKind, given); });
  remove->add_option("ADDRESS", options->name, "Its address or an alias")->required();
  remove->add_flag("--dry-run", options->dry_run, "Only say what would be done");
}

CLI::App* add_creation(CLI::App& noun, const std::string& description, Verb& chosen,
                       const std::shared_ptr<RecipientOptions>& options,
                       VerbFunction<RecipientOptions> run) {
  CLI::App* verb = add_verb<RecipientOptions>(noun, "create", description, chosen, options, run);
  verb->add_option("ADDRESS", options->name, "Its address, of an accepted domain")->required();
  verb->add_option("--target", options->target, "The address outside that its mail goes to")
      ->type_name("ADDRESS")
      ->required();
  verb->add_option("--display-name", options->display_name, "The name people read");
  add_alias_option(*verb, *options);
  verb->add_flag("--dry-run", options->dry_run, "Only check");
  return verb;
}

}  // namespace

void add_contact_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, kContact, "Contacts: addresses of ours for people outside");
  auto options = std::make_shared<RecipientOptions>();
  add_creation(*noun, "Give somebody outside an address here", chosen, options, create_contact);
  add_outside_verbs<kContact>(*noun, chosen, options);
}

void add_mail_user_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, kMailUser, "Mail users: as contacts, but they may log in to send");
  auto options = std::make_shared<RecipientOptions>();
  CLI::App* create = add_creation(*noun, "Give somebody with a mailbox elsewhere an address here",
                                  chosen, options, create_mail_user);
  add_password_options(*create, options->password);
  create->add_flag("--no-password", options->no_password, "No log-in until one is set")
      ->excludes("--password-stdin")
      ->excludes("--generate");
  add_outside_verbs<kMailUser>(*noun, chosen, options);
  CLI::App* password = add_verb<RecipientOptions>(*noun, "set-password", "Give one a new password",
                                                  chosen, options, set_mail_user_password);
  password->add_option("ADDRESS", options->name, "Its address or an alias")->required();
  add_password_options(*password, options->password);
}

}  // namespace hauspost::cli
