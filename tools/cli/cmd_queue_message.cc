// Messages in queues.
#include <fmt/format.h>

#include <cstdio>
#include <fstream>

#include "server/child/queue.pb.h"
#include "tools/cli/cmd_queue.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

namespace queue_wire = child::wire;

struct QueuedOptions {
  QueueChoice choice;
  std::string to;
  std::string out;
  std::uint64_t limit = 100;
  bool no_ndr = false;
  bool dry_run = false;
};

std::string recipients_text(const queue_wire::QueueMessage& message) {
  if (message.recipients().empty()) return "-";
  const std::string first = printable(message.recipients(0).address());
  if (message.recipient_count() <= 1) return first;
  return fmt::format("{} +{}", first, message.recipient_count() - 1);
}

Outcome<> run_queued_list(Context& context, QueuedOptions& options) {
  Table table({{"ID"},
               {"QUEUE"},
               {"STATE"},
               {"SIZE", true},
               {"RECEIVED"},
               {"TRIES", true},
               {"NEXT TRY"},
               {"FROM"},
               {"TO"},
               {"LAST ERROR"}});
  Json messages = Json::array();
  options.choice.limit = options.limit;
  std::uint64_t seen = 0;
  TRY(each_queued(context, options.choice, false, [&](const auto& message) -> Outcome<> {
    messages.push_back(to_json(message));
    table.add({message.id(), printable(message.queue()), message.state(),
               human_bytes(message.bytes()), human_time(message.received_s()),
               std::to_string(message.attempts()), human_time(message.next_attempt_s()),
               message.sender().empty() ? "<>" : printable(message.sender()),
               recipients_text(message), printable(message.last_error())});
    ++seen;
    return {};
  }));
  context.print(messages);
  context.say(table.empty() ? "Nothing waits." : table.render(terminal_width()));
  if (options.limit > 0 && seen == options.limit)
    context.say("There may be more; narrow the search or raise --limit.");
  return {};
}

Outcome<> run_queued_show(Context& context, QueuedOptions& options) {
  return each_queued(context, options.choice, true, [&](const auto& message) -> Outcome<> {
    Json shown = to_json(message);
    shown["recipients"] = Json::array();
    Table table({{"PROPERTY"}, {"VALUE"}});
    table.add({"id", message.id()});
    table.add({"queue", printable(message.queue())});
    table.add({"state", message.state()});
    table.add({"message", message.message()});
    table.add({"from", message.sender().empty() ? "<>" : printable(message.sender())});
    table.add({"size", human_bytes(message.bytes())});
    table.add({"received", human_time(message.received_s())});
    table.add({"expires", human_time(message.expires_s())});
    table.add({"next try", human_time(message.next_attempt_s())});
    table.add({"tries", std::to_string(message.attempts())});
    if (message.priority() != 0) table.add({"priority", std::to_string(message.priority())});
    if (!message.last_error().empty()) table.add({"last error", printable(message.last_error())});
    context.say(table.render(terminal_width()));
    Table recipients({{"RECIPIENT"}, {"TRIES", true}, {"DELAY TOLD"}, {"LAST WORD"}});
    for (const auto& recipient : message.recipients()) {
      shown["recipients"].push_back({{"address", recipient.address()},
                                     {"attempts", recipient.attempts()},
                                     {"delay_reported", recipient.delay_reported()},
                                     {"last_error", recipient.last_error()}});
      recipients.add({printable(recipient.address()), std::to_string(recipient.attempts()),
                      recipient.delay_reported() ? "yes" : "no",
                      printable(recipient.last_error())});
    }
    context.print(shown);
    context.say(recipients.render(terminal_width()));
    return {};
  });
}

// Everything at once has to be said: a forgotten filter should not do it.
Outcome<> check_choice(const QueueChoice& choice) {
  const bool walk = !choice.queue.empty() || !choice.filter.empty();
  if (choice.ids.empty() == !walk)
    return usage("name messages by their IDs, or choose them by --queue and --filter");
  return {};
}

Outcome<> work_on_chosen(Context& context, const QueuedOptions& options,
                         queue_wire::QueueAction action, std::string_view done,
                         std::string_view would) {
  TRY(check_choice(options.choice));
  return work_on_queued(context, options.choice,
                        {.action = action,
                         .silent = options.no_ndr,
                         .to = options.to == "again" ? std::string() : options.to,
                         .dry_run = options.dry_run,
                         .done = done,
                         .would = would});
}

Outcome<> run_queued_suspend(Context& context, QueuedOptions& options) {
  return work_on_chosen(context, options, queue_wire::QUEUE_ACTION_SUSPEND, "suspended",
                        "would be suspended");
}

Outcome<> run_queued_resume(Context& context, QueuedOptions& options) {
  return work_on_chosen(context, options, queue_wire::QUEUE_ACTION_RESUME, "resumed",
                        "would be resumed");
}

Outcome<> run_queued_retry(Context& context, QueuedOptions& options) {
  return work_on_chosen(context, options, queue_wire::QUEUE_ACTION_RETRY, "tried now",
                        "would be tried now");
}

Outcome<> run_queued_redirect(Context& context, QueuedOptions& options) {
  return work_on_chosen(context, options, queue_wire::QUEUE_ACTION_REDIRECT, "redirected",
                        "would be redirected");
}

Outcome<> run_queued_remove(Context& context, QueuedOptions& options) {
  TRY(check_choice(options.choice));
  if (!options.dry_run) {
    const std::string what =
        options.choice.ids.empty()
            ? fmt::format("the messages of {}{}",
                          options.choice.queue.empty() ? "all queues" : options.choice.queue,
                          options.choice.filter.empty() ? "" : " that fit " + options.choice.filter)
            : fmt::format("{} by id", options.choice.ids.size());
    TRY(context.confirm(
        fmt::format("Remove {}{}?", what, options.no_ndr ? " without telling their senders" : "")));
  }
  return work_on_chosen(context, options, queue_wire::QUEUE_ACTION_REMOVE, "removed",
                        "would be removed");
}

Outcome<> run_queued_export(Context& context, QueuedOptions& options) {
  const std::string& id = options.choice.ids.front();
  if (options.out.empty()) {
    return read_queued(context, id, [](std::string_view piece) -> Outcome<> {
      if (std::fwrite(piece.data(), 1, piece.size(), stdout) != piece.size())
        return refused(ErrorCode::kDenied, "standard output cannot be written");
      return {};
    });
  }
  std::ofstream file(options.out, std::ios::binary | std::ios::trunc);
  std::uint64_t bytes = 0;
  TRY(read_queued(context, id, [&](std::string_view piece) -> Outcome<> {
    file.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    bytes += piece.size();
    return {};
  }));
  file.close();
  if (!file) return refused(ErrorCode::kDenied, options.out + ": cannot be written");
  context.print({{"id", id}, {"file", options.out}, {"bytes", bytes}});
  context.say(fmt::format("{} written to {}.", human_bytes(bytes), printable(options.out)));
  return {};
}

void add_queued_choice(CLI::App& verb, QueuedOptions& options, bool ids) {
  if (ids) verb.add_option("ID", options.choice.ids, "Messages by their ids; else by the options");
  verb.add_option("--queue", options.choice.queue, "Only of this queue")->type_name("NAME");
  verb.add_option("--filter", options.choice.filter,
                  "Conditions joined by and: id, queue, sender, recipient, message, state, error "
                  "(= != ~), size, age, attempts, priority (= != < > <= >=)")
      ->type_name("TEXT");
}

}  // namespace

void add_queue_message_commands(CLI::App& queue, Verb& chosen) {
  CLI::App* noun = add_noun(queue, "message", "Messages in queues");
  auto options = std::make_shared<QueuedOptions>();
  const auto add = [&](const char* name, const char* words, auto run) {
    return add_verb<QueuedOptions>(*noun, name, words, chosen, options, run);
  };
  CLI::App* list = add("list", "List messages, and why they wait", run_queued_list);
  add_queued_choice(*list, *options, false);
  list->add_option("--limit", options->limit, "At most so many; 0: all (default: 100)")
      ->type_name("N");
  add("show", "Show one message and each of its recipients", run_queued_show)
      ->add_option("ID", options->choice.ids, "Its id as `queue message list` shows it")
      ->expected(1)
      ->required();
  const auto add_chosen = [&](const char* name, const char* words, auto run) {
    CLI::App* verb = add(name, words, run);
    add_queued_choice(*verb, *options, true);
    verb->add_flag("--dry-run", options->dry_run, "Show which they are, change nothing");
    return verb;
  };
  add_chosen("suspend", "Let messages wait until they are resumed", run_queued_suspend);
  add_chosen("resume", "Let suspended messages go on; out of Poison too", run_queued_resume);
  add_chosen("retry", "Try messages now, without waiting for their time", run_queued_retry);
  add_chosen("remove", "Remove messages; their senders get them back", run_queued_remove)
      ->add_flag("--no-ndr", options->no_ndr, "Their senders do not hear of it");
  add_chosen("redirect", "Send messages another way", run_queued_redirect)
      ->add_option("--to", options->to,
                   "A queue Remote/CONNECTOR or Remote/CONNECTOR/DOMAIN; again: as if they had "
                   "just come")
      ->type_name("QUEUE")
      ->required();
  CLI::App* copy =
      add("export", "Write a message to standard output or a file; it stays", run_queued_export);
  copy->add_option("ID", options->choice.ids, "Its id")->expected(1)->required();
  copy->add_option("--out", options->out, "The file")->type_name("FILE");
}

}  // namespace hauspost::cli
