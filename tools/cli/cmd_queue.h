// What the verbs of queues and of their messages share.
#pragma once

#include <functional>

#include "tools/cli/commands.h"

namespace hauspost::child::wire {
enum QueueAction : int;
class QueueMessage;
class QueueSummary;
}  // namespace hauspost::child::wire

namespace hauspost::cli {

// Which queued messages a verb is about: some by their ids, or those of a walk.
struct QueueChoice {
  std::vector<std::string> ids;
  std::string queue;
  std::string filter;
  std::uint64_t limit = 0;  // 0: all of them
};

struct QueueWork {
  child::wire::QueueAction action{};  // unspecified
  bool silent = false;
  std::string to;
  bool dry_run = false;
  std::string_view done;   // "removed"
  std::string_view would;  // "would be removed"
};

// Calls `take` with every message that is meant; page by page. Exit::kRefused: no such id or
// queue, or the filter is none.
Outcome<> each_queued(Context& context, const QueueChoice& choice, bool whole,
                      const std::function<Outcome<>(const child::wire::QueueMessage&)>& take);
// Does it to all of them, with a progress bar, and says how many they were. Exit::kPartial: some
// were just being tried.
Outcome<> work_on_queued(Context& context, const QueueChoice& choice, const QueueWork& work);
// Writes each message as FOLDER/ID.eml. Exit::kRefused: a file cannot be written.
Outcome<> export_queued(Context& context, const QueueChoice& choice, const std::string& folder);
// The bytes of one message, piece by piece.
Outcome<> read_queued(Context& context, const std::string& id,
                      const std::function<Outcome<>(std::string_view)>& take);
// kNotFound.
Outcome<child::wire::QueueSummary> queue_summary(Context& context, const std::string& queue);

Json to_json(const child::wire::QueueMessage& message);
Json to_json(const child::wire::QueueSummary& queue);

// cmd_queue_message.cc, cmd_queue_set.cc
void add_queue_message_commands(CLI::App& queue, Verb& chosen);
void add_queue_set_command(CLI::App& queue, Verb& chosen);

}  // namespace hauspost::cli
