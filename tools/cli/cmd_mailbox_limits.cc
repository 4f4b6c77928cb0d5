// What mailboxes may hold and do hold, and mailboxes without an owner.
#include <fmt/format.h>

#include "tools/cli/amount.h"
#include "tools/cli/cmd_mailbox.h"
#include "tools/cli/limit_options.h"
#include "tools/cli/password.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

using Stored = child::wire::StoredMailbox;

struct MailboxSet {
  std::string name;
  LimitOptions limits;
  std::vector<std::string> imap_without;
  std::vector<std::string> protocols;
  std::string restricted;
  std::string app_passwords_only;
  std::string forward_to;
  std::string keep_copy;
  bool no_forward = false;
  std::optional<std::string> display_name;
  std::vector<std::string> add_aliases;
  std::vector<std::string> remove_aliases;
};

struct OwnerOptions {
  std::string name;
  std::string address;
  std::string database;
  std::string display_name;
  std::vector<std::string> aliases;
  PasswordOptions password;
  bool dry_run = false;
};

Json as_json(const Stored& stored) {
  return {{"guid", guid_text(stored.guid())},
          {"label", stored.label()},
          {"created_s", stored.created_s()},
          {"disconnected_s", stored.disconnected_s()},
          {"messages", stored.messages()},
          {"bytes", stored.bytes()},
          {"recoverable_messages", stored.recoverable_messages()},
          {"recoverable_bytes", stored.recoverable_bytes()},
          {"folders", stored.folders()},
          {"sessions", stored.sessions()}};
}

Json as_json(const admin::DisconnectedMailbox& mailbox) {
  Json out = as_json(mailbox.stored());
  out["database"] = mailbox.database();
  out["purge_s"] = mailbox.purge_s();
  return out;
}

void show_limits(Context& context, const admin::Mailbox& mailbox, const admin::Limits& effective) {
  Table table({{"LIMIT"}, {"VALUE"}});
  add_limit_rows(table, effective, mailbox.limits(), LimitScope::kMailbox);
  context.say(table.render(terminal_width()));
}

void set_login(const MailboxSet& options, admin::MailboxSetRequest& request) {
  if (!options.protocols.empty()) {
    const auto has = [&](std::string_view name) {
      return std::ranges::find(options.protocols, name) != options.protocols.end();
    };
    request.set_imap(has("imap"));
    request.set_pop3(has("pop3"));
    request.set_smtp(has("smtp"));
  }
  if (!options.restricted.empty()) request.set_protocol_restricted(options.restricted == "yes");
  if (!options.app_passwords_only.empty())
    request.set_app_passwords_only(options.app_passwords_only == "yes");
}

void set_forwarding(const MailboxSet& options, admin::MailboxSetRequest& request) {
  if (options.forward_to.empty() && !options.no_forward) return;
  request.set_forward_to(options.forward_to);
  request.set_forward_only(options.keep_copy == "no");
}

Outcome<> run_mailbox_set(Context& context, MailboxSet& options) {
  if (!any_given(options.limits) && options.imap_without.empty() && options.protocols.empty() &&
      options.restricted.empty() && options.app_passwords_only.empty() &&
      options.forward_to.empty() && !options.no_forward && !options.display_name &&
      options.add_aliases.empty() && options.remove_aliases.empty())
    return usage("mailbox set: say what to set; see --help");
  admin::MailboxSetRequest request;
  request.set_name(options.name);
  TRY_ASSIGN(*request.mutable_limits(), to_changes(options.limits));
  set_login(options, request);
  set_forwarding(options, request);
  if (options.display_name) request.set_display_name(*options.display_name);
  for (const std::string& alias : options.add_aliases) request.add_add_aliases(alias);
  for (const std::string& alias : options.remove_aliases) request.add_remove_aliases(alias);
  if (!options.imap_without.empty()) {
    admin::ImapWithout& without = *request.mutable_imap_without();
    const bool none = options.imap_without == std::vector<std::string>{"none"};
    for (const std::string& extension : options.imap_without)
      if (!none) without.add_names(extension);
  }
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print({{"address", reply.mailbox().address()},
                 {"display_name", reply.mailbox().display_name()},
                 {"aliases", to_json(reply.mailbox())["aliases"]},
                 {"imap_without", to_json(reply.mailbox())["imap_without"]},
                 {"imap", reply.mailbox().imap()},
                 {"pop3", reply.mailbox().pop3()},
                 {"smtp", reply.mailbox().smtp()},
                 {"protocol_restricted", reply.mailbox().protocol_restricted()},
                 {"app_passwords_only", reply.mailbox().app_passwords_only()},
                 {"forward_to", reply.mailbox().forward_to()},
                 {"forward_only", reply.mailbox().forward_only()},
                 {"limits", to_json(reply.mailbox().limits())},
                 {"effective", to_json(reply.effective())}});
  context.say(fmt::format("Mailbox {} is set.", printable(reply.mailbox().address())));
  if (!reply.mailbox().forward_to().empty())
    context.say(fmt::format("Its mail is forwarded {}.",
                            printable(forwarding_text(reply.mailbox()))));
  if (!options.imap_without.empty()) {
    context.say(fmt::format("IMAP sessions that begin now are {}.",
                            reply.mailbox().imap_without().empty()
                                ? "offered everything"
                                : "not offered " + imap_without_text(reply.mailbox())));
  }
  show_limits(context, reply.mailbox(), reply.effective());
  return {};
}

// How full, in a word: what the strictest limit passed says.
std::string_view quota_word(const Stored& stored, const admin::Limits& limits) {
  if (stored.bytes() >= limits.prohibit_receive_bytes()) return "full";
  if (stored.bytes() >= limits.prohibit_send_bytes()) return "no sending";
  if (stored.bytes() >= limits.warn_bytes()) return "warned";
  return "ok";
}

std::string share(std::uint64_t bytes, std::uint64_t of) {
  if (of == UINT64_MAX || of == 0) return human_bytes(bytes);
  const double percent = 100.0 * static_cast<double>(bytes) / static_cast<double>(of);
  return fmt::format("{} ({:.0f} % of {})", human_bytes(bytes), percent, human_bytes(of));
}

Outcome<> run_stats(Context& context, OwnerOptions& options) {
  admin::MailboxStatsRequest request;
  request.set_name(options.name);
  TRY_ASSIGN(const auto reply, context.ask(request));
  const admin::Limits& limits = reply.effective();
  const Stored& stored = reply.stored();
  if (context.json()) {
    Json answer = {{"address", reply.mailbox().address()},
                   {"database", reply.mailbox().database()},
                   {"known", reply.known()},
                   {"stored", reply.has_stored() ? as_json(stored) : Json()},
                   {"quota", quota_word(stored, limits)},
                   {"effective", to_json(limits)}};
    context.print(answer);
    return {};
  }
  Table table({{"FIELD"}, {"VALUE"}});
  table.add({"address", reply.mailbox().address()});
  table.add({"database", reply.mailbox().database()});
  if (!reply.known()) {
    table.add({"mail", "not known: the database is not mounted"});
  } else if (!reply.has_stored()) {
    table.add({"mail", "none yet"});
  } else {
    table.add({"messages", std::to_string(stored.messages())});
    table.add({"size", share(stored.bytes(), limits.prohibit_receive_bytes())});
    table.add({"quota", std::string(quota_word(stored, limits))});
    table.add({"deleted messages", std::to_string(stored.recoverable_messages())});
    table.add({"size of deleted", share(stored.recoverable_bytes(), limits.recoverable_bytes())});
    table.add({"folders", std::to_string(stored.folders())});
    table.add(
        {"sessions", fmt::format("{} (at most {})", stored.sessions(), limits.sessions_max())});
    table.add({"created", human_time(stored.created_s())});
  }
  context.say(table.render(terminal_width()));
  return {};
}

Json as_json(const child::wire::StoredFolder& folder) {
  return {{"path", folder.path()},
          {"special_use", folder.special_use()},
          {"messages", folder.messages()},
          {"unseen", folder.unseen()},
          {"deleted", folder.deleted()},
          {"bytes", folder.bytes()},
          {"uid_validity", folder.uid_validity()},
          {"uid_next", folder.uid_next()},
          {"subscribed", folder.subscribed()}};
}

Outcome<> run_folders(Context& context, OwnerOptions& options) {
  admin::MailboxFoldersRequest request;
  request.set_name(options.name);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json all = Json::array();
  Table table({{"FOLDER"},
               {"USE"},
               {"MESSAGES", true},
               {"UNREAD", true},
               {"TO EXPUNGE", true},
               {"SIZE", true}});
  for (const auto& folder : reply.folders()) {
    if (context.json()) all.push_back(as_json(folder));
    const std::string use = folder.special_use().empty() ? "-" : folder.special_use();
    table.add({folder.path().empty() ? "(deleted messages)" : folder.path(), use,
               std::to_string(folder.messages()), std::to_string(folder.unseen()),
               std::to_string(folder.deleted()), human_bytes(folder.bytes())});
  }
  context.print(all);
  if (table.empty())
    context.say("Nothing was ever stored for this mailbox.");
  else
    context.say(table.render(terminal_width()));
  return {};
}

Outcome<> run_disable(Context& context, OwnerOptions& options) {
  if (!options.dry_run)
    TRY(context.confirm(fmt::format("Disable mailbox {}", printable(options.name))));
  admin::MailboxDisableRequest request;
  request.set_name(options.name);
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print({{"address", reply.mailbox().address()},
                 {"guid", guid_text(reply.mailbox().guid())},
                 {"purge_s", reply.purge_s()},
                 {"sessions_ended", reply.sessions_ended()},
                 {"dry_run", options.dry_run}});
  context.say(fmt::format(
      "Mailbox {} {}{}; its mail {} until {} and can be given to another address: hauspost mailbox "
      "connect {} --to ADDRESS",
      printable(reply.mailbox().address()), options.dry_run ? "would be disabled" : "is disabled",
      sessions_ended_text(reply.sessions_ended()), options.dry_run ? "would stay" : "stays",
      human_time(reply.purge_s()), guid_text(reply.mailbox().guid())));
  return {};
}

Outcome<> run_connect(Context& context, OwnerOptions& options) {
  admin::MailboxConnectRequest request;
  request.set_name(options.name);
  request.set_database(options.database);
  request.set_dry_run(options.dry_run);
  admin::NewMailbox& to = *request.mutable_to();
  to.set_address(options.address);
  to.set_display_name(options.display_name);
  for (const std::string& alias : options.aliases) to.add_aliases(alias);
  NewPassword password;
  if (!options.dry_run) {
    TRY_ASSIGN(password, obtain_password(options.password, options.address));
    to.set_password(std::string(password.secret.reveal()));
  }
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json answer = {{"address", reply.mailbox().address()},
                 {"database", reply.mailbox().database()},
                 {"stored", as_json(reply.stored())},
                 {"dry_run", options.dry_run}};
  if (password.generated) answer["password"] = password.secret.reveal();
  context.print(answer);
  context.say(fmt::format("Mailbox {} {} the mail of {}: {}.", printable(reply.mailbox().address()),
                          options.dry_run ? "would have" : "has", printable(reply.stored().label()),
                          messages_text(reply.stored().messages())));
  if (password.generated)
    context.say(fmt::format("Password: {}  (shown this once)", password.secret.reveal()));
  return {};
}

Outcome<> run_mailbox_purge(Context& context, OwnerOptions& options) {
  if (!options.dry_run)
    TRY(context.confirm(fmt::format("Destroy the mail of {} for good", printable(options.name))));
  admin::MailboxPurgeRequest request;
  request.set_name(options.name);
  request.set_database(options.database);
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json answer = as_json(reply.mailbox());
  answer["done"] = reply.done();
  answer["dry_run"] = options.dry_run;
  context.print(answer);
  const Stored& stored = reply.mailbox().stored();
  const char* outcome = options.dry_run ? "Would be gone for good"
                        : reply.done()  ? "Gone for good"
                                        : "Being deleted, which goes on behind the scenes";
  context.say(fmt::format("{}: {} ({}) of {} in database {}.", outcome,
                          messages_text(stored.messages() + stored.recoverable_messages()),
                          human_bytes(stored.bytes() + stored.recoverable_bytes()),
                          printable(stored.label()), printable(reply.mailbox().database())));
  return {};
}

CLI::App* add_owner_verb(CLI::App& noun, const std::string& name, const std::string& description,
                         Verb& chosen, VerbFunction<OwnerOptions> run,
                         const std::shared_ptr<OwnerOptions>& options, const std::string& argument,
                         const std::string& meaning) {
  CLI::App* verb = add_verb<OwnerOptions>(noun, name, description, chosen, options, run);
  verb->add_option(argument, options->name, meaning)->required();
  return verb;
}

void add_disconnected_options(CLI::App& verb, const std::shared_ptr<OwnerOptions>& options) {
  verb.add_option("--database", options->database, "Look only there (default: all)");
  verb.add_flag("--dry-run", options->dry_run, "Only say what would be done");
}

}  // namespace

std::string forwarding_text(const admin::Mailbox& mailbox) {
  return fmt::format("to {}, {}", mailbox.forward_to(),
                     mailbox.forward_only() ? "no copy stays" : "a copy stays");
}

std::string imap_without_text(const admin::Mailbox& mailbox) {
  std::string out;
  for (const std::string& extension : mailbox.imap_without())
    out += (out.empty() ? "" : " ") + extension;
  return out;
}

Outcome<> list_disconnected(Context& context, const std::string& database) {
  admin::MailboxDisconnectedRequest request;
  request.set_database(database);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json all = Json::array();
  Table table({{"FORMER ADDRESS"},
               {"GUID"},
               {"DATABASE"},
               {"MESSAGES", true},
               {"SIZE", true},
               {"SINCE"},
               {"GOES"}});
  for (const auto& mailbox : reply.mailboxes()) {
    if (context.json()) all.push_back(as_json(mailbox));
    const Stored& stored = mailbox.stored();
    table.add({stored.label(), guid_text(stored.guid()), mailbox.database(),
               std::to_string(stored.messages()),
               human_bytes(stored.bytes() + stored.recoverable_bytes()),
               human_time(stored.disconnected_s()), human_time(mailbox.purge_s())});
  }
  context.print(all);
  context.say(table.render(terminal_width()));
  if (reply.unknown().empty()) return {};
  std::string names;
  for (const std::string& name : reply.unknown())
    names += (names.empty() ? "" : ", ") + printable(name);
  return partial(fmt::format("not mounted, so not listed: {}", names));
}

void add_mailbox_limit_commands(CLI::App& noun, Verb& chosen) {
  auto set = std::make_shared<MailboxSet>();
  CLI::App* verb =
      add_verb<MailboxSet>(noun, "set", "Set what a mailbox may hold", chosen, set, run_mailbox_set);
  verb->add_option("ADDRESS", set->name, "The mailbox")->required();
  add_limit_options(*verb, set->limits, LimitScope::kMailbox);
  verb->add_option("--display-name", set->display_name, "The name people read");
  verb->add_option("--add-alias", set->add_aliases, "A further address; may be given several times")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
  verb->add_option("--remove-alias", set->remove_aliases,
                   "No longer an address of it; may be given several times")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
  verb->add_option("--protocols", set->protocols,
                   "What it may log in over, of imap, pop3 and smtp, or \"none\"")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"imap", "pop3", "smtp", "none"}))
      ->type_name("NAME,...");
  verb->add_option("--restricted", set->restricted,
                   "Never over IMAP or POP3, for accounts that run things")
      ->check(CLI::IsMember({"yes", "no"}));
  verb->add_option("--app-passwords-only", set->app_passwords_only,
                   "Its own password opens nothing, only its app passwords do")
      ->check(CLI::IsMember({"yes", "no"}));
  verb->add_option("--imap-without", set->imap_without,
                   "IMAP capabilities that its sessions are not offered, or \"none\"")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAME,...");
  CLI::Option* forward_to =
      verb->add_option("--forward-to", set->forward_to,
                       "Its mail goes on to this address, of ours or outside")
          ->type_name("ADDRESS");
  verb->add_option("--keep-copy", set->keep_copy,
                   "With --forward-to: the mailbox gets it too (default: yes)")
      ->check(CLI::IsMember({"yes", "no"}))
      ->needs(forward_to);
  verb->add_flag("--no-forward", set->no_forward, "Its mail goes nowhere else")
      ->excludes(forward_to);
  auto options = std::make_shared<OwnerOptions>();
  add_owner_verb(noun, "stats", "Show how much a mailbox holds", chosen, run_stats, options,
                 "ADDRESS", "The mailbox");
  add_owner_verb(noun, "folders", "List a mailbox's folders and what they hold", chosen,
                 run_folders, options, "ADDRESS", "The mailbox");
  add_owner_verb(noun, "disable", "Take a mailbox's owner away; its mail stays for a time", chosen,
                 run_disable, options, "ADDRESS", "The mailbox")
      ->add_flag("--dry-run", options->dry_run, "Only say what would be done");
  CLI::App* connect =
      add_owner_verb(noun, "connect", "Give the mail of a disconnected mailbox to an address",
                     chosen, run_connect, options, "MAILBOX", "Its GUID or former address");
  connect->add_option("--to", options->address, "The new mailbox's address")->required();
  connect->add_option("--display-name", options->display_name, "The name people read");
  connect->add_option("--alias", options->aliases, "A further address; may be given several times")
      ->allow_extra_args(false);
  add_disconnected_options(*connect, options);
  add_password_options(*connect, options->password);
  CLI::App* purge =
      add_owner_verb(noun, "purge", "Destroy the mail of a disconnected mailbox", chosen, run_mailbox_purge,
                     options, "MAILBOX", "Its GUID or former address");
  add_disconnected_options(*purge, options);
}

}  // namespace hauspost::cli
