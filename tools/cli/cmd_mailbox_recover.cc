// Deleted messages: list them, put them back, destroy them.
#include <fmt/format.h>

#include <ctime>

#include "tools/cli/amount.h"
#include "tools/cli/cmd_mailbox.h"
#include "tools/cli/progress.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct RecoverOptions {
  std::string name;
  std::string since;
  std::string before;
  std::string subject;
  std::string from;
  std::string folder;
  std::vector<std::uint64_t> ids;
  std::uint64_t limit = 0;
  bool all = false;
  bool dry_run = false;
};

Outcome<std::int64_t> read_moment(const std::string& text, std::string_view option) {
  if (text.empty()) return 0;
  const auto moment = parse_moment(text, std::time(nullptr));
  // In the filter 0 says "any time": such a moment would choose everything.
  if (moment && *moment <= 0) {
    return usage(
        fmt::format("{}: {} is before any mail; name a later moment", option, printable(text)));
  }
  if (moment) return *moment;
  return usage(
      fmt::format("{}: \"{}\" is not a date like 2026-11-21, \"2026-11-21 19:30\" or a "
                  "time ago like 3d",
                  option, printable(text)));
}

Outcome<child::wire::RecoverFilter> to_filter(const RecoverOptions& options) {
  child::wire::RecoverFilter filter;
  TRY_ASSIGN(const std::int64_t since_s, read_moment(options.since, "--since"));
  TRY_ASSIGN(const std::int64_t before_s, read_moment(options.before, "--before"));
  filter.set_since_s(since_s);
  filter.set_before_s(before_s);
  filter.set_subject(options.subject);
  filter.set_from(options.from);
  filter.set_folder(options.folder);
  for (const std::uint64_t id : options.ids) filter.add_ids(id);
  return filter;
}

bool any_filter(const RecoverOptions& options) {
  return !options.since.empty() || !options.before.empty() || !options.subject.empty() ||
         !options.from.empty() || !options.folder.empty() || !options.ids.empty();
}

Json as_json(const child::wire::RecoverItem& item) {
  return {{"id", item.id()},
          {"folder", item.folder()},
          {"bytes", item.bytes()},
          {"received_s", item.received_s()},
          {"deleted_s", item.deleted_s()},
          {"gone_s", item.gone_s()},
          {"from", item.from()},
          {"subject", item.subject()}};
}

Outcome<> run_recoverable_list(Context& context, RecoverOptions& options) {
  constexpr std::uint64_t kDefaultLimit = 1000;
  const std::uint64_t limit = options.limit == 0 ? kDefaultLimit : options.limit;
  admin::MailboxRecoverListRequest request;
  request.set_name(options.name);
  TRY_ASSIGN(*request.mutable_filter(), to_filter(options));
  Json items = Json::array();
  Table table(
      {{"ID", true}, {"DELETED"}, {"GOES"}, {"FOLDER"}, {"SIZE", true}, {"FROM"}, {"SUBJECT"}});
  std::uint64_t shown = 0;
  bool more = false;
  do {
    request.set_limit(static_cast<std::uint32_t>(std::min(limit - shown, kDefaultLimit)));
    TRY_ASSIGN(const auto reply, context.ask(request));
    for (const auto& item : reply.found().items()) {
      ++shown;
      if (context.json()) items.push_back(as_json(item));
      table.add({std::to_string(item.id()), human_time(item.deleted_s()), human_time(item.gone_s()),
                 item.folder().empty() ? "(gone)" : item.folder(), human_bytes(item.bytes()),
                 item.from(), item.subject()});
    }
    request.set_after(reply.found().next());
    more = reply.found().next() != 0;
  } while (more && shown < limit);
  context.print({{"items", items}, {"more", more}});
  if (shown == 0)
    context.say("No such deleted messages.");
  else
    context.say(table.render(terminal_width()));
  if (more) context.say(fmt::format("There are more than these {}: see --limit.", shown));
  return {};
}

// Calls until the server says that this was all; each call does a bounded part.
template <class Request>
Outcome<> work_through(Context& context, const RecoverOptions& options, std::string_view done_word,
                       std::string_view would_word) {
  if (options.all == any_filter(options))
    return usage(
        "say which messages: --all, or some of --since --before --subject --from --folder "
        "--id");
  admin::MailboxStatsRequest stats;
  stats.set_name(options.name);
  TRY_ASSIGN(const auto known, context.ask(stats));
  Request request;
  request.set_name(options.name);
  request.set_dry_run(options.dry_run);
  TRY_ASSIGN(*request.mutable_filter(), to_filter(options));
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  std::optional<Failure> failed;
  {
    const std::uint64_t total = known.stored().recoverable_messages();
    Progress progress(total, system_clock());
    std::uint64_t looked_at = 0;
    do {
      if (options.limit != 0)
        request.set_limit(static_cast<std::uint32_t>(
            std::min<std::uint64_t>(options.limit - messages, UINT32_MAX)));
      const auto reply = context.ask(request);
      if (!reply) {
        failed = reply.error();
        break;
      }
      messages += reply->step().messages();
      bytes += reply->step().bytes();
      looked_at += reply->step().looked_at();
      progress.update(std::min(looked_at, total));
      request.set_after(reply->step().next());
    } while (request.after() != 0 && (options.limit == 0 || messages < options.limit));
  }
  if (failed && messages == 0) return std::unexpected(*std::move(failed));
  context.print({{"messages", messages}, {"bytes", bytes}, {"dry_run", options.dry_run}});
  context.say(fmt::format("{}: {} ({}).", options.dry_run ? would_word : done_word,
                          messages_text(messages), human_bytes(bytes)));
  if (failed) return partial(fmt::format("{}; what came before stands", failed->text));
  return {};
}

Outcome<> run_restore(Context& context, RecoverOptions& options) {
  return work_through<admin::MailboxRecoverRestoreRequest>(context, options, "Put back",
                                                           "Would be put back");
}

Outcome<> run_recoverable_purge(Context& context, RecoverOptions& options) {
  if (!options.dry_run)
    TRY(context.confirm(
        fmt::format("Destroy deleted messages of {} for good", printable(options.name))));
  return work_through<admin::MailboxRecoverPurgeRequest>(context, options, "Gone for good",
                                                         "Would be gone for good");
}

CLI::App* add_recover_verb(CLI::App& noun, const std::string& name, const std::string& description,
                           Verb& chosen, VerbFunction<RecoverOptions> run,
                           const std::shared_ptr<RecoverOptions>& options) {
  CLI::App* verb = add_verb<RecoverOptions>(noun, name, description, chosen, options, run);
  verb->add_option("ADDRESS", options->name, "The mailbox")->required();
  verb->add_option("--since", options->since, "Deleted then or later: a date, or 3d for 3 days ago")
      ->type_name("TIME");
  verb->add_option("--before", options->before, "Deleted earlier")->type_name("TIME");
  verb->add_option("--subject", options->subject, "With this in the subject")->type_name("TEXT");
  verb->add_option("--from", options->from, "With this in the sender")->type_name("TEXT");
  verb->add_option("--folder", options->folder, "Deleted from this folder")->type_name("PATH");
  verb->add_option("--id", options->ids, "This one (see list); may be given several times")
      ->allow_extra_args(false)
      ->type_name("NUMBER");
  verb->add_option("--limit", options->limit, "At most so many")
      ->check(CLI::Validator(CLI::PositiveNumber).description(""))
      ->type_name("NUMBER");
  return verb;
}

}  // namespace

void add_mailbox_recover_commands(CLI::App& noun, Verb& chosen) {
  CLI::App* recover = add_noun(noun, "recover", "Deleted messages that are still kept");
  auto options = std::make_shared<RecoverOptions>();
  add_recover_verb(*recover, "list", "List deleted messages", chosen, run_recoverable_list, options);
  for (CLI::App* verb :
       {add_recover_verb(*recover, "restore", "Put deleted messages back where they were", chosen,
                         run_restore, options),
        add_recover_verb(*recover, "purge", "Destroy deleted messages for good", chosen,
                         run_recoverable_purge, options)}) {
    verb->add_flag("--all", options->all, "All of them");
    verb->add_flag("--dry-run", options->dry_run, "Only say what would be done");
  }
}

}  // namespace hauspost::cli
