#include <fmt/format.h>

#include "tools/cli/cmd_mailbox.h"
#include "tools/cli/json.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct PermissionOptions {
  std::string name;
  std::string user;
  std::string folder;
  std::string rights;
  bool send_as = false;
  bool send_on_behalf = false;
  bool dry_run = false;
};

Json permission_json(const admin::Permission& permission) {
  return {{"user", permission.user()},
          {"full_access", permission.full_access()},
          {"folder", permission.folder()},
          {"rights", permission.rights()},
          {"send", permission.send()}};
}

// What a row of the list says.
std::string rights_word(const admin::Permission& permission) {
  if (!permission.send().empty()) return "send " + permission.send();
  return permission.full_access() ? "full access" : permission.rights();
}

std::string folders_text(std::uint32_t count) {
  return fmt::format("{} folder{}", count, count == 1 ? "" : "s");
}

Outcome<> run_permission_list(Context& context, PermissionOptions& options) {
  admin::MailboxPermissionListRequest request;
  request.set_name(options.name);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json permissions = Json::array();
  Table table({{"USER"}, {"FOLDER"}, {"RIGHTS"}});
  for (const admin::Permission& permission : reply.permissions()) {
    permissions.push_back(permission_json(permission));
    const bool whole = permission.full_access() || !permission.send().empty();
    table.add({permission.user(), whole ? "(all)" : permission.folder(), rights_word(permission)});
  }
  context.print({{"address", reply.mailbox().address()},
                 {"permissions", permissions},
                 {"folders_unknown", reply.folders_unknown()}});
  if (table.empty()) {
    context.say(
        fmt::format("Nobody else has access to {}.", printable(reply.mailbox().address())));
  } else {
    context.say(table.render(terminal_width()));
  }
  if (!reply.folders_unknown()) return {};
  return partial(
      fmt::format("database {} does not answer, so what is granted on folders is not "
                  "known; see: hauspost database list",
                  reply.mailbox().database()));
}

Outcome<> run_permission_add(Context& context, PermissionOptions& options) {
  if (options.rights.empty() && !options.folder.empty())
    return usage("mailbox permission add: with --folder goes --rights");
  const bool send = options.send_as || options.send_on_behalf;
  if (send && !(options.folder.empty() && options.rights.empty()))
    return usage("mailbox permission add: leave to send is about no folder and no other rights");
  admin::MailboxPermissionAddRequest request;
  request.set_name(options.name);
  request.set_user(options.user);
  request.set_folder(options.folder);
  request.set_rights(options.send_as          ? "send-as"
                     : options.send_on_behalf ? "send-on-behalf"
                     : options.rights.empty() ? "full"
                                              : options.rights);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json answer = {{"address", reply.mailbox().address()}};
  answer.update(permission_json(reply.permission()));
  answer["folders"] = reply.folders();
  context.print(answer);
  const std::string mailbox = printable(reply.mailbox().address());
  const std::string user = printable(reply.permission().user());
  if (send) {
    context.say(fmt::format("{} may send {} {}.", user, options.send_as ? "as" : "on behalf of",
                            mailbox));
  } else if (reply.permission().full_access()) {
    context.say(fmt::format("{} has full access to mailbox {}.", user, mailbox));
  } else {
    context.say(fmt::format("{} has rights {} on {} of mailbox {} ({} changed).", user,
                            reply.permission().rights(),
                            options.folder.empty() ? "every folder" : printable(options.folder),
                            mailbox, folders_text(reply.folders())));
  }
  return {};
}

Outcome<> run_permission_remove(Context& context, PermissionOptions& options) {
  admin::MailboxPermissionRemoveRequest request;
  request.set_name(options.name);
  request.set_user(options.user);
  request.set_folder(options.folder);
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print({{"address", reply.mailbox().address()},
                 {"full_access", reply.full_access()},
                 {"folders", reply.folders()},
                 {"send", reply.send()},
                 {"dry_run", options.dry_run}});
  const std::string_view would = options.dry_run ? "would be taken" : "is taken";
  if (reply.send())
    context.say(fmt::format("Leave to send under {} {} from {}.",
                            printable(reply.mailbox().address()), would, printable(options.user)));
  if (!reply.full_access() && reply.folders() == 0 && !reply.send())
    context.say(fmt::format("{} had no such rights.", printable(options.user)));
  if (reply.full_access())
    context.say(fmt::format("Full access to mailbox {} {} from {}.",
                            printable(reply.mailbox().address()), would, printable(options.user)));
  if (reply.folders() > 0)
    context.say(fmt::format("What was granted on {} {} from {}.", folders_text(reply.folders()),
                            would, printable(options.user)));
  return {};
}

CLI::App* permission_verb(CLI::App& noun, const std::string& name, const std::string& description,
                          Verb& chosen, const std::shared_ptr<PermissionOptions>& options,
                          VerbFunction<PermissionOptions> run) {
  CLI::App* verb = add_verb<PermissionOptions>(noun, name, description, chosen, options, run);
  verb->add_option("ADDRESS", options->name, "The mailbox; a group, where it is about sending")
      ->required();
  return verb;
}

void add_grantee(CLI::App& verb, const std::shared_ptr<PermissionOptions>& options) {
  verb.add_option("--user", options->user, "Whose permission it is; \"anyone\": every user's")
      ->type_name("ADDRESS")
      ->required();
  verb.add_option("--folder", options->folder, "On this folder only")->type_name("PATH");
}

}  // namespace

void add_mailbox_permission_commands(CLI::App& noun, Verb& chosen) {
  CLI::App* permission = add_noun(noun, "permission", "What others may do with a mailbox");
  auto options = std::make_shared<PermissionOptions>();
  permission_verb(*permission, "list", "List who else may do what", chosen, options,
                  run_permission_list);
  CLI::App* add = permission_verb(*permission, "add", "Let somebody in, or change what they may do",
                                  chosen, options, run_permission_add);
  add_grantee(*add, options);
  add->add_option("--rights", options->rights,
                  "full, reader, contributor, editor, manager, or letters of lrswipkxtea "
                  "(default without --folder: full)")
      ->type_name("RIGHTS");
  CLI::Option* as = add->add_flag("--send-as", options->send_as,
                                  "May send under its addresses, and nobody sees the difference");
  add->add_flag("--send-on-behalf", options->send_on_behalf,
                "May send under its addresses, with a Sender field that names the user")
      ->excludes(as);
  CLI::App* remove = permission_verb(*permission, "remove", "Take away what somebody may do",
                                     chosen, options, run_permission_remove);
  add_grantee(*remove, options);
  remove->add_flag("--dry-run", options->dry_run, "Only say what would be done");
}

}  // namespace hauspost::cli
