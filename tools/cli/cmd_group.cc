// Distribution groups and their members.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <span>

#include "base/text.h"
#include "tools/cli/progress.h"
#include "tools/cli/recipient.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

constexpr const char* kGroup = "group";
constexpr std::size_t kMembersPerCall = 500;

struct GroupOptions : RecipientOptions {
  std::string owner;
  bool no_owner = false;
  std::string reports;
  std::string anyone;
  std::string members_only;
  std::vector<std::string> allow;
  std::vector<std::string> disallow;
};

struct MemberOptions {
  std::string group;
  std::vector<std::string> members;
  std::string file;
  bool dry_run = false;
};

void set_group_changes(const GroupOptions& options, admin::RecipientChanges& changes) {
  if (!options.owner.empty()) changes.set_owner(options.owner);
  if (options.no_owner) changes.set_owner("");
  if (!options.reports.empty()) changes.set_reports(options.reports);
  if (!options.anyone.empty()) changes.set_anyone(options.anyone == "yes");
  if (!options.members_only.empty()) changes.set_members_only(options.members_only == "yes");
  for (const std::string& one : options.allow) changes.add_add_allowed(one);
  for (const std::string& one : options.disallow) changes.add_remove_allowed(one);
}

Outcome<> create_group(Context& context, GroupOptions& options) {
  admin::RecipientCreateRequest request;
  request.set_kind(kGroup);
  request.set_name(options.name);
  request.set_display_name(options.display_name);
  request.set_dry_run(options.dry_run);
  for (const std::string& alias : options.aliases) request.add_aliases(alias);
  set_group_changes(options, *request.mutable_changes());
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json answer = to_json(reply.recipient());
  answer["dry_run"] = options.dry_run;
  context.print(answer);
  say_created(context, reply.recipient(), options.dry_run);
  return {};
}

Outcome<> set_group(Context& context, GroupOptions& options) {
  admin::RecipientSetRequest request;
  request.set_kind(kGroup);
  request.set_name(options.name);
  admin::RecipientChanges& changes = *request.mutable_changes();
  if (!options.display_name.empty()) changes.set_display_name(options.display_name);
  set_group_changes(options, changes);
  set_alias_changes(options, changes);
  if (changes.ByteSizeLong() == 0) return usage("group set: say what to set; see --help");
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_recipient(context, reply.recipient());
  return {};
}

std::string who_writes(const admin::Recipient& group) {
  if (group.members_only()) return group.allowed().empty() ? "members" : "members, allowed";
  if (!group.allowed().empty()) return "allowed";
  return group.anyone() ? "everybody" : "logged in";
}

Outcome<> list_groups(Context& context) {
  Json all = Json::array();
  Table table({{"ADDRESS"}, {"NAME"}, {"MEMBERS", true}, {"OWNER"}, {"TAKES MAIL FROM"}});
  TRY(for_each_recipient(context, kGroup, [&](const admin::Recipient& one) {
    if (context.json()) {
      all.push_back(to_json(one));
      return;
    }
    table.add({one.address(), one.display_name(), std::to_string(one.members()),
               one.owner().empty() ? "-" : one.owner(), who_writes(one)});
  }));
  context.print(all);
  context.say(table.render(terminal_width()));
  return {};
}

Outcome<> show_group(Context& context, GroupOptions& options) {
  return show_named(context, kGroup, options);
}

Outcome<> remove_group(Context& context, GroupOptions& options) {
  return remove_named(context, kGroup, options);
}

// One address a line; empty lines and comments (#) do not count.
Outcome<> read_members(const std::string& path, std::vector<std::string>& members) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return refused(errno_error(path));
  std::string line;
  while (std::getline(file, line)) {
    const std::string_view text = trim(line);
    if (text.empty() || text.starts_with('#')) continue;
    if (!is_valid_utf8(text)) return usage(fmt::format("{}: a line is not UTF-8", path));
    members.emplace_back(text);
  }
  if (file.bad()) return refused(ErrorCode::kInternal, fmt::format("{}: cannot be read", path));
  return {};
}

struct MemberTally {
  Json done = Json::array();
  Json failed = Json::array();
  std::size_t count = 0;
  std::size_t failures = 0;
  std::string last_code;
};

template <class Reply>
void account_members(const Reply& reply, MemberTally& tally) {
  for (const admin::GroupMember& member : reply.outcomes()) {
    if (member.error().empty()) {
      ++tally.count;
      tally.done.push_back({{"address", member.address()}, {"kind", member.kind()}});
      continue;
    }
    ++tally.failures;
    tally.last_code = member.error_code();
    tally.failed.push_back({{"address", member.address()},
                            {"error", member.error()},
                            {"error_code", member.error_code()}});
    fmt::print(stderr, "{}: {}\n", printable(member.address()), printable(member.error()));
  }
}

// Asks in calls of a bounded size, with a bar.
template <class Request>
Outcome<> change_members(Context& context, MemberOptions& options, Request request,
                         std::string_view did) {
  if (!options.file.empty()) TRY(read_members(options.file, options.members));
  if (options.members.empty())
    return usage("group member: name members, or a file of them with --file");
  request.set_name(options.group);
  MemberTally tally;
  Progress progress(options.members.size(), system_clock());
  for (std::size_t at = 0; at < options.members.size(); at += kMembersPerCall) {
    const auto batch = std::span(options.members)
                           .subspan(at, std::min(kMembersPerCall, options.members.size() - at));
    request.clear_members();
    for (const std::string& member : batch) request.add_members(member);
    TRY_ASSIGN(const auto reply, context.ask(request));
    account_members(reply, tally);
    progress.update(at + batch.size());
  }
  context.print({{"group", options.group},
                 {"changed", tally.done},
                 {"failed", tally.failed},
                 {"dry_run", options.dry_run}});
  context.say(fmt::format("Group {}: {} {}{}.", printable(options.group), tally.count,
                          tally.count == 1 ? "member " : "members ", did));
  if (tally.failures == 0) return {};
  const std::string text = fmt::format(
      "group {}: {} of {} stayed as they were; the cause of each "
      "stands above",
      options.group, tally.failures, options.members.size());
  if (tally.count > 0) return partial(text);
  return std::unexpected(Failure{Exit::kRefused, tally.last_code, text, true});
}

Outcome<> add_group_members(Context& context, MemberOptions& options) {
  return change_members(context, options, admin::GroupMemberAddRequest{}, "added");
}

Outcome<> remove_group_members(Context& context, MemberOptions& options) {
  admin::GroupMemberRemoveRequest request;
  request.set_dry_run(options.dry_run);
  return change_members(context, options, request,
                        options.dry_run ? "would be removed" : "removed");
}

Outcome<> list_group_members(Context& context, MemberOptions& options) {
  admin::GroupMemberListRequest request;
  request.set_name(options.group);
  Json all = Json::array();
  Table table({{"ADDRESS"}, {"KIND"}});
  do {
    TRY_ASSIGN(const auto reply, context.ask(request));
    for (const admin::GroupMember& member : reply.members()) {
      if (context.json())
        all.push_back({{"address", member.address()}, {"kind", member.kind()}});
      else
        table.add({member.address(), member.kind()});
    }
    request.set_from(reply.next());
  } while (!request.from().empty());
  context.print(all);
  context.say(table.render(terminal_width()));
  return {};
}

void add_group_rules(CLI::App& verb, GroupOptions& options) {
  const CLI::IsMember yes_or_no({"yes", "no"});
  verb.add_option("--display-name", options.display_name, "The name people read");
  verb.add_option("--owner", options.owner, "Who answers for it: an address of ours")
      ->type_name("ADDRESS");
  verb.add_option("--reports", options.reports,
                  "Who hears that a member could not be reached (default: sender). With owner or "
                  "nobody the mail leaves under another reverse-path: it is a list")
      ->check(CLI::IsMember({"sender", "owner", "nobody"}));
  verb.add_option("--anyone", options.anyone,
                  "Takes mail from outside, too, and not only from who has logged in")
      ->check(yes_or_no);
  verb.add_option("--members-only", options.members_only, "Takes mail from its members only")
      ->check(yes_or_no);
  verb.add_option("--allow", options.allow,
                  "Takes mail from this mailbox, mail user or group's members, and from no others "
                  "that are not allowed; may be given several times")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
}

void add_member_commands(CLI::App& noun, Verb& chosen) {
  CLI::App* member = add_noun(noun, "member", "Who is in a group");
  auto options = std::make_shared<MemberOptions>();
  const auto add = [&](const std::string& name, const std::string& description,
                       VerbFunction<MemberOptions> run) {
    CLI::App* verb = add_verb<MemberOptions>(*member, name, description, chosen, options, run);
    verb->add_option("GROUP", options->group, "The group")->required();
    return verb;
  };
  const auto add_who = [&](CLI::App* verb) {
    verb->add_option("MEMBER", options->members,
                     "Addresses: of mailboxes, contacts, groups, or outside");
    verb->add_option("--file", options->file, "A file with one address a line")->type_name("FILE");
    return verb;
  };
  add_who(add("add", "Put members into a group", add_group_members));
  add_who(add("remove", "Take members out of a group", remove_group_members))
      ->add_flag("--dry-run", options->dry_run, "Only say what would be done");
  add("list", "List the members of a group", list_group_members);
}

}  // namespace

void add_group_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, kGroup, "Distribution groups: one address for many");
  noun->alias("distlist");
  auto options = std::make_shared<GroupOptions>();
  const auto add = [&](const std::string& name, const std::string& description,
                       VerbFunction<GroupOptions> run) {
    CLI::App* verb = add_verb<GroupOptions>(*noun, name, description, chosen, options, run);
    verb->add_option("ADDRESS", options->name, "Its address")->required();
    return verb;
  };
  CLI::App* create = add("create", "Create a group", create_group);
  add_group_rules(*create, *options);
  add_alias_option(*create, *options);
  create->add_flag("--dry-run", options->dry_run, "Only check");
  add_verb(*noun, "list", "List the groups", chosen, list_groups);
  add("show", "Show one", show_group);
  CLI::App* set = add("set", "Change a group", set_group);
  add_group_rules(*set, *options);
  set->add_option("--disallow", options->disallow, "Allowed no longer; may be given several times")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
  set->add_flag("--no-owner", options->no_owner, "Nobody answers for it")->excludes("--owner");
  add_alias_changes(*set, *options);
  CLI::App* remove = add("remove", "Remove a group; its members stay", remove_group);
  remove->add_flag("--dry-run", options->dry_run, "Only say what would be done");
  add_member_commands(*noun, chosen);
}

}  // namespace hauspost::cli
