// Queues: mail that waits for its next hop.
#include "tools/cli/cmd_queue.h"

#include <fmt/format.h>

#include "server/child/queue.pb.h"
#include "tools/cli/amount.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

namespace queue_wire = child::wire;

struct QueueOptions {
  std::string queue;
  std::string filter;
  std::string to;
  bool all = false;
  bool no_ndr = false;
  bool dry_run = false;
};

std::string next_try(std::int64_t next_attempt_s) {
  return next_attempt_s == 0 ? "-" : human_time(next_attempt_s);
}

void say_queue(Context& context, const queue_wire::QueueSummary& queue) {
  context.print(to_json(queue));
  Table table({{"PROPERTY"}, {"VALUE"}});
  table.add({"name", printable(queue.name())});
  table.add({"state", queue.state()});
  table.add({"messages", std::to_string(queue.items())});
  table.add({"size", human_bytes(queue.bytes())});
  table.add({"attempts under way", std::to_string(queue.active())});
  table.add({"failures in a row", std::to_string(queue.failures())});
  table.add({"next try", next_try(queue.next_attempt_s())});
  table.add({"taken since start", std::to_string(queue.taken())});
  table.add({"done since start", std::to_string(queue.done())});
  if (!queue.last_error().empty()) table.add({"last error", printable(queue.last_error())});
  context.say(table.render(terminal_width()));
}

Outcome<> run_queue_show(Context& context, QueueOptions& options) {
  TRY_ASSIGN(const auto queue, queue_summary(context, options.queue));
  say_queue(context, queue);
  return {};
}

Outcome<queue_wire::QueueSummary> act_on_queue(Context& context, const std::string& queue,
                                               queue_wire::QueueAction action) {
  admin::QueueActRequest request;
  request.mutable_work()->set_queue(queue);
  request.mutable_work()->set_action(action);
  TRY_ASSIGN(const auto reply, context.ask(request));
  return reply.queue();
}

template <queue_wire::QueueAction kAction>
Outcome<> run_queue_act(Context& context, QueueOptions& options) {
  TRY_ASSIGN(const auto queue, act_on_queue(context, options.queue, kAction));
  say_queue(context, queue);
  return {};
}

// Calls `take` with every queue, page by page.
Outcome<admin::QueueListReply> each_queue(
    Context& context, const std::function<Outcome<>(const queue_wire::QueueSummary&)>& take) {
  admin::QueueListRequest request;
  constexpr std::uint32_t kPage = 1000;
  request.mutable_query()->set_limit(kPage);
  for (;;) {
    TRY_ASSIGN(auto reply, context.ask(request));
    for (const auto& queue : reply.found().queues()) TRY(take(queue));
    if (reply.found().next().empty()) return reply;
    request.mutable_query()->set_after(reply.found().next());
  }
}

Outcome<> run_queue_list(Context& context) {
  Json queues = Json::array();
  Table table({{"QUEUE"},
               {"STATE"},
               {"MESSAGES", true},
               {"SIZE", true},
               {"ACTIVE", true},
               {"FAILURES", true},
               {"NEXT TRY"},
               {"LAST ERROR"}});
  TRY_ASSIGN(const auto last, each_queue(context, [&](const auto& queue) -> Outcome<> {
               queues.push_back(to_json(queue));
               table.add({printable(queue.name()), queue.state(), std::to_string(queue.items()),
                          human_bytes(queue.bytes()), std::to_string(queue.active()),
                          std::to_string(queue.failures()), next_try(queue.next_attempt_s()),
                          printable(queue.last_error())});
               return {};
             }));
  const std::string& pressure = last.found().pressure();
  const std::string& cause = last.found().pressure_cause();
  context.print(
      {{"pressure", {{"level", pressure}, {"cause", cause}}}, {"queues", std::move(queues)}});
  if (pressure != "normal") {
    context.say(fmt::format("Pressure is {}: {}. {} told to come back later.", pressure, cause,
                            pressure == "high" ? "Everybody is" : "Strangers are"));
  }
  context.say(table.empty() ? "Nothing waits." : table.render(terminal_width()));
  return {};
}

// Queues of which nothing is ever tried.
bool stands_still(std::string_view queue) {
  return queue == "Poison" || queue.starts_with("SafetyNet/");
}

Outcome<> run_queue_retry(Context& context, QueueOptions& options) {
  if (options.all != options.queue.empty()) return usage("name one queue, or all of them by --all");
  if (!options.all) return run_queue_act<queue_wire::QUEUE_ACTION_RETRY>(context, options);
  Json queues = Json::array();
  TRY(each_queue(context, [&](const auto& queue) -> Outcome<> {
    if (stands_still(queue.name())) return {};
    const auto tried = act_on_queue(context, queue.name(), queue_wire::QUEUE_ACTION_RETRY);
    // It was empty in the end.
    if (!tried) return {};
    context.say(fmt::format("{}: {}", printable(queue.name()), messages_text(tried->items())));
    queues.push_back(to_json(*tried));
    return {};
  }));
  context.print(queues);
  if (queues.empty()) context.say("Nothing waits.");
  return {};
}

Outcome<> run_queue_remove(Context& context, QueueOptions& options) {
  if (!options.dry_run) {
    TRY(context.confirm(fmt::format(
        "Remove {} of queue {}{}?", options.filter.empty() ? "all messages" : "messages",
        options.queue, options.no_ndr ? " without telling their senders" : "")));
  }
  return work_on_queued(context,
                        {.ids = {}, .queue = options.queue, .filter = options.filter, .limit = 0},
                        {.action = queue_wire::QUEUE_ACTION_REMOVE,
                         .silent = options.no_ndr,
                         .to = {},
                         .dry_run = options.dry_run,
                         .done = "removed",
                         .would = "would be removed"});
}

Outcome<> run_queue_redirect(Context& context, QueueOptions& options) {
  return work_on_queued(context,
                        {.ids = {}, .queue = options.queue, .filter = options.filter, .limit = 0},
                        {.action = queue_wire::QUEUE_ACTION_REDIRECT,
                         .silent = false,
                         .to = options.to == "again" ? std::string() : options.to,
                         .dry_run = options.dry_run,
                         .done = "redirected",
                         .would = "would be redirected"});
}

Outcome<> run_queue_export(Context& context, QueueOptions& options) {
  return export_queued(context,
                       {.ids = {}, .queue = options.queue, .filter = options.filter, .limit = 0},
                       options.to);
}

void add_queue_name(CLI::App& verb, QueueOptions& options) {
  verb.add_option("QUEUE", options.queue, "Its name as `queue list` shows it")->required();
}

void add_queue_filter(CLI::App& verb, QueueOptions& options) {
  verb.add_option("--filter", options.filter,
                  "Only messages that fit, for instance 'sender ~ @example.net and age > 4h'")
      ->type_name("TEXT");
}

}  // namespace

void add_queue_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "queue", "Queues: mail that waits for its next hop");
  add_verb(*noun, "list", "List the queues, and why they wait", chosen, run_queue_list);
  auto options = std::make_shared<QueueOptions>();
  const auto add = [&](const char* name, const char* words, auto run) {
    CLI::App* verb = add_verb<QueueOptions>(*noun, name, words, chosen, options, run);
    add_queue_name(*verb, *options);
    return verb;
  };
  add("show", "Show one queue", run_queue_show);
  add("suspend", "Let a queue stand still until it is resumed; mail still comes in",
      run_queue_act<queue_wire::QUEUE_ACTION_SUSPEND>);
  add("resume", "Let a suspended queue go on", run_queue_act<queue_wire::QUEUE_ACTION_RESUME>);
  CLI::App* retry =
      add_verb<QueueOptions>(*noun, "retry", "Try a queue now, without waiting for its time",
                             chosen, options, run_queue_retry);
  retry->add_option("QUEUE", options->queue, "Its name as `queue list` shows it");
  retry->add_flag("--all", options->all, "All queues");
  CLI::App* remove =
      add("remove", "Remove messages of a queue; their senders get them back", run_queue_remove);
  add_queue_filter(*remove, *options);
  remove->add_flag("--no-ndr", options->no_ndr, "Their senders do not hear of it");
  remove->add_flag("--dry-run", options->dry_run, "Show what would be removed");
  CLI::App* redirect = add("redirect", "Send messages of a queue another way", run_queue_redirect);
  redirect
      ->add_option("--to", options->to,
                   "A queue Remote/CONNECTOR or Remote/CONNECTOR/DOMAIN; again: as if they had "
                   "just come")
      ->type_name("QUEUE")
      ->required();
  add_queue_filter(*redirect, *options);
  redirect->add_flag("--dry-run", options->dry_run, "Show what would be redirected");
  CLI::App* copy =
      add("export", "Write messages of a queue to files; they stay queued", run_queue_export);
  copy->add_option("--to", options->to, "Folder for the files ID.eml; created when missing")
      ->type_name("DIR")
      ->required();
  add_queue_filter(*copy, *options);
  add_queue_message_commands(*noun, chosen);
  add_queue_set_command(*noun, chosen);
}

}  // namespace hauspost::cli
