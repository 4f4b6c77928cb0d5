#include "tools/cli/recipient.h"

#include <fmt/format.h>

#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

Json strings_json(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  Json out = Json::array();
  for (const std::string& text : texts) out.push_back(text);
  return out;
}

std::string_view kind_word(const admin::Recipient& recipient) {
  if (recipient.kind() == "contact") return "Contact";
  return recipient.kind() == "group" ? "Group" : "Mail user";
}

// Who may write to a group.
std::string posters_text(const admin::Recipient& group) {
  if (group.members_only() && group.allowed().empty()) return "its members";
  if (group.members_only()) return "its members and those allowed";
  if (!group.allowed().empty()) return "those allowed";
  return group.anyone() ? "everybody, from outside too" : "who has logged in";
}

std::string reports_text(const admin::Recipient& group) {
  if (group.reports() == "owner") return "the owner";
  return group.reports() == "nobody" ? "nobody" : "the sender";
}

void add_group_rows(Table& table, const admin::Recipient& group) {
  table.add({"members", std::to_string(group.members())});
  table.add({"owner", group.owner().empty() ? "none" : group.owner()});
  table.add({"failures are told", reports_text(group)});
  table.add({"takes mail from", posters_text(group)});
  for (const std::string& one : group.allowed()) table.add({"allowed", one});
}

}  // namespace

Json to_json(const admin::Recipient& recipient) {
  Json out = {
      {"address", recipient.address()},           {"kind", recipient.kind()},
      {"guid", guid_text(recipient.guid())},      {"aliases", strings_json(recipient.aliases())},
      {"display_name", recipient.display_name()}, {"created_s", recipient.created_s()}};
  if (recipient.kind() != "group") {
    out["target"] = recipient.target();
    return out;
  }
  out["members"] = recipient.members();
  out["owner"] = recipient.owner();
  out["reports"] = recipient.reports();
  out["anyone"] = recipient.anyone();
  out["members_only"] = recipient.members_only();
  out["allowed"] = strings_json(recipient.allowed());
  return out;
}

void show_recipient(Context& context, const admin::Recipient& recipient) {
  context.print(to_json(recipient));
  Table table({{"FIELD"}, {"VALUE"}});
  table.add({"address", recipient.address()});
  for (const std::string& alias : recipient.aliases()) table.add({"alias", alias});
  table.add({"name", recipient.display_name()});
  if (recipient.kind() == "group") {
    add_group_rows(table, recipient);
  } else {
    table.add({"mail goes to", recipient.target()});
  }
  table.add({"guid", guid_text(recipient.guid())});
  table.add({"created", human_time(recipient.created_s())});
  context.say(table.render(terminal_width()));
}

void say_created(Context& context, const admin::Recipient& recipient, bool dry_run) {
  const std::string target = recipient.target().empty() ? "" : " for " + recipient.target();
  context.say(fmt::format("{} {} {}{}.", kind_word(recipient), printable(recipient.address()),
                          dry_run ? "could be created" : "is created", printable(target)));
}

Outcome<> for_each_recipient(Context& context, const std::string& kind,
                             const std::function<void(const admin::Recipient&)>& use) {
  admin::RecipientListRequest request;
  request.set_kind(kind);
  for (bool more = true; more;) {
    TRY_ASSIGN(const auto reply, context.ask(request));
    for (const admin::Recipient& recipient : reply.recipients()) use(recipient);
    more = reply.more() && reply.recipients_size() > 0;
    if (more) request.set_after(reply.recipients(reply.recipients_size() - 1).address());
  }
  return {};
}

Outcome<> show_named(Context& context, const std::string& kind, const RecipientOptions& options) {
  admin::RecipientShowRequest request;
  request.set_kind(kind);
  request.set_name(options.name);
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_recipient(context, reply.recipient());
  return {};
}

Outcome<> remove_named(Context& context, const std::string& kind, const RecipientOptions& options) {
  if (!options.dry_run) {
    TRY(context.confirm(fmt::format("Remove {} {}", kind, printable(options.name))));
  }
  admin::RecipientRemoveRequest request;
  request.set_kind(kind);
  request.set_name(options.name);
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json answer = to_json(reply.recipient());
  answer["dry_run"] = options.dry_run;
  context.print(answer);
  context.say(fmt::format("{} {} {}.", kind_word(reply.recipient()),
                          printable(reply.recipient().address()),
                          options.dry_run ? "would be removed" : "is removed"));
  return {};
}

void add_alias_option(CLI::App& verb, RecipientOptions& options) {
  verb.add_option("--alias", options.aliases, "A further address; may be given several times")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
}

void add_alias_changes(CLI::App& verb, RecipientOptions& options) {
  verb.add_option("--add-alias", options.add_aliases,
                  "A further address; may be given several times")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
  verb.add_option("--remove-alias", options.drop_aliases,
                  "No longer an address of it; may be given several times")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
}

void set_alias_changes(const RecipientOptions& options, admin::RecipientChanges& changes) {
  for (const std::string& alias : options.add_aliases) changes.add_add_aliases(alias);
  for (const std::string& alias : options.drop_aliases) changes.add_remove_aliases(alias);
}

}  // namespace hauspost::cli
