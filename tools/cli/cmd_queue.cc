#include <fmt/format.h>

#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct QueueOptions {
  std::string queue;
};

std::string recipients_text(const admin::QueueItem& item) {
  if (item.recipients().empty()) return "-";
  if (item.recipients().size() == 1) return item.recipients(0);
  return fmt::format("{} +{}", item.recipients(0), item.recipients().size() - 1);
}

Outcome<> run_queue_list(Context& context, QueueOptions& options) {
  admin::QueueListRequest request;
  request.set_queue(options.queue);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print(to_json_list(reply.items()));
  if (reply.items().empty()) {
    context.say("Nothing waits.");
    return {};
  }
  Table table({{"QUEUE"},
               {"ID"},
               {"SIZE", true},
               {"RECEIVED"},
               {"TRIES", true},
               {"NEXT TRY"},
               {"FROM"},
               {"TO"},
               {"LAST ERROR"}});
  for (const auto& item : reply.items()) {
    table.add({item.queue(), item.id(), human_bytes(item.bytes()), human_time(item.received_s()),
               std::to_string(item.attempts()), human_time(item.next_attempt_s()),
               item.sender().empty() ? "<>" : item.sender(), recipients_text(item),
               item.last_error()});
  }
  context.say(table.render(terminal_width()));
  return {};
}

}  // namespace

void add_queue_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "queue", "Queues: mail that waits for its next hop");
  auto options = std::make_shared<QueueOptions>();
  add_verb<QueueOptions>(*noun, "list", "List what waits, and why", chosen, options, run_queue_list)
      ->add_option("QUEUE", options->queue, "Only this queue, for instance Unreachable");
}

}  // namespace hauspost::cli
