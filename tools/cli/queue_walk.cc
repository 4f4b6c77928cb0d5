// Walks through queued messages, page by page.
#include <fmt/format.h>

#include <ctime>
#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "server/child/queue.pb.h"
#include "tools/cli/amount.h"
#include "tools/cli/cmd_queue.h"
#include "tools/cli/progress.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

namespace queue_wire = child::wire;

constexpr std::uint32_t kQueuePage = 500;

queue_wire::QueueWalk first_page(const QueueChoice& choice) {
  queue_wire::QueueWalk walk;
  walk.set_queue(choice.queue);
  walk.set_filter(choice.filter);
  walk.set_limit(kQueuePage);
  return walk;
}

// Everything there is in the queue, for the bar; 0: nobody knows.
std::size_t count_of(Context& context, const QueueChoice& choice) {
  if (!choice.ids.empty()) return choice.ids.size();
  if (choice.queue.empty() || !choice.filter.empty()) return 0;
  const auto summary = queue_summary(context, choice.queue);
  return summary ? summary->items() : 0;
}

struct QueueDone {
  std::uint64_t messages = 0;
  std::vector<std::string> busy;
  Json shown = Json::array();
};

Outcome<std::string> work_on_page(Context& context, const QueueWork& work,
                                  queue_wire::QueueWalk walk, QueueDone& done) {
  admin::QueueMessageWorkRequest request;
  request.set_dry_run(work.dry_run);
  *request.mutable_work()->mutable_walk() = std::move(walk);
  request.mutable_work()->set_action(work.action);
  request.mutable_work()->set_silent(work.silent);
  request.mutable_work()->set_to(work.to);
  TRY_ASSIGN(const auto reply, context.ask(request));
  done.messages += static_cast<std::uint64_t>(reply.done().messages_size());
  for (const auto& message : reply.done().messages()) {
    if (context.json()) done.shown.push_back(to_json(message));
    if (work.dry_run)
      context.say(fmt::format("{}  {}  from {}", message.id(), message.queue(),
                              message.sender().empty() ? "<>" : printable(message.sender())));
  }
  for (const std::string& id : reply.done().busy()) done.busy.push_back(id);
  return reply.done().next();
}

Outcome<> work_on_all(Context& context, const QueueChoice& choice, const QueueWork& work,
                      QueueDone& done) {
  Progress progress(work.dry_run ? 0 : count_of(context, choice), system_clock());
  for (const std::string& id : choice.ids) {
    queue_wire::QueueWalk walk;
    walk.set_id(id);
    TRY(work_on_page(context, work, std::move(walk), done));
    progress.update(done.messages);
  }
  if (!choice.ids.empty()) return {};
  queue_wire::QueueWalk walk = first_page(choice);
  // What is moved by this very walk is not met again.
  walk.set_before_s(std::time(nullptr) + 1);
  do {
    TRY_ASSIGN(std::string next, work_on_page(context, work, walk, done));
    walk.set_cursor(std::move(next));
    progress.update(done.messages);
  } while (!walk.cursor().empty());
  return {};
}

}  // namespace

Outcome<> each_queued(Context& context, const QueueChoice& choice, bool whole,
                      const std::function<Outcome<>(const queue_wire::QueueMessage&)>& take) {
  admin::QueueMessageListRequest request;
  request.mutable_query()->set_whole(whole);
  for (const std::string& id : choice.ids) {
    request.mutable_query()->mutable_walk()->set_id(id);
    TRY_ASSIGN(const auto reply, context.ask(request));
    for (const auto& message : reply.found().messages()) TRY(take(message));
  }
  if (!choice.ids.empty()) return {};
  // An empty answer would hide a misspelt name.
  if (!choice.queue.empty()) TRY(queue_summary(context, choice.queue));
  queue_wire::QueueWalk& walk = *request.mutable_query()->mutable_walk();
  walk = first_page(choice);
  std::uint64_t seen = 0;
  do {
    if (choice.limit > 0)
      walk.set_limit(
          static_cast<std::uint32_t>(std::min<std::uint64_t>(kQueuePage, choice.limit - seen)));
    TRY_ASSIGN(auto reply, context.ask(request));
    for (const auto& message : reply.found().messages()) TRY(take(message));
    seen += static_cast<std::uint64_t>(reply.found().messages_size());
    walk.set_cursor(std::move(*reply.mutable_found()->mutable_next()));
  } while (!walk.cursor().empty() && (choice.limit == 0 || seen < choice.limit));
  return {};
}

Outcome<> work_on_queued(Context& context, const QueueChoice& choice, const QueueWork& work) {
  if (choice.ids.empty() && !choice.queue.empty()) TRY(queue_summary(context, choice.queue));
  QueueDone done;
  TRY(work_on_all(context, choice, work, done));
  context.print({{"messages", done.shown}, {"busy", done.busy}, {"dry_run", work.dry_run}});
  context.say(
      fmt::format("{} {}.", messages_text(done.messages), work.dry_run ? work.would : work.done));
  if (done.busy.empty()) return {};
  std::string some;
  constexpr std::size_t kShown = 5;
  for (std::size_t i = 0; i < std::min(done.busy.size(), kShown); ++i) some += " " + done.busy[i];
  return partial(fmt::format(
      "{} just being tried and left alone:{}{}; try again in a moment",
      done.busy.size() == 1 ? "1 message is" : fmt::format("{} messages are", done.busy.size()),
      some, done.busy.size() > kShown ? " ..." : ""));
}

Outcome<> read_queued(Context& context, const std::string& id,
                      const std::function<Outcome<>(std::string_view)>& take) {
  admin::QueueMessageExportRequest request;
  request.mutable_query()->set_id(id);
  std::uint64_t at = 0;
  for (;;) {
    request.mutable_query()->set_offset(at);
    TRY_ASSIGN(const auto reply, context.ask(request));
    TRY(take(reply.piece().data()));
    at += reply.piece().data().size();
    if (at >= reply.piece().bytes() || reply.piece().data().empty()) return {};
  }
}

Outcome<> export_queued(Context& context, const QueueChoice& choice, const std::string& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return refused(ErrorCode::kDenied, fmt::format("{}: {}", folder, failed.message()));
  Progress progress(count_of(context, choice), system_clock());
  std::uint64_t done = 0;
  Json files = Json::array();
  TRY(each_queued(context, choice, false, [&](const auto& message) -> Outcome<> {
    const std::string path = fmt::format("{}/{}.eml", folder, message.id());
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    TRY(read_queued(context, message.id(), [&](std::string_view piece) -> Outcome<> {
      file.write(piece.data(), static_cast<std::streamsize>(piece.size()));
      return {};
    }));
    file.close();
    if (!file) return refused(ErrorCode::kDenied, path + ": cannot be written");
    if (context.json()) {
      Json one = to_json(message);
      one["file"] = path;
      files.push_back(std::move(one));
    }
    progress.update(++done);
    return {};
  }));
  context.print({{"messages", files}});
  context.say(fmt::format("{} written to {}.", messages_text(done), printable(folder)));
  return {};
}

Outcome<queue_wire::QueueSummary> queue_summary(Context& context, const std::string& queue) {
  admin::QueueListRequest request;
  request.mutable_query()->set_queue(queue);
  TRY_ASSIGN(const auto reply, context.ask(request));
  if (reply.found().queues().empty())
    return refused(ErrorCode::kNotFound, "no queue is named " + queue);
  return reply.found().queues(0);
}

Json to_json(const queue_wire::QueueMessage& message) {
  Json recipients = Json::array();
  for (const auto& recipient : message.recipients()) recipients.push_back(recipient.address());
  return {{"id", message.id()},
          {"queue", message.queue()},
          {"state", message.state()},
          {"sender", message.sender()},
          {"recipients", recipients},
          {"recipient_count", message.recipient_count()},
          {"bytes", message.bytes()},
          {"received_s", message.received_s()},
          {"expires_s", message.expires_s()},
          {"priority", message.priority()},
          {"attempts", message.attempts()},
          {"next_attempt_s", message.next_attempt_s()},
          {"last_error", message.last_error()},
          {"message", message.message()}};
}

Json to_json(const queue_wire::QueueSummary& queue) {
  return {{"name", queue.name()},
          {"state", queue.state()},
          {"messages", queue.items()},
          {"bytes", queue.bytes()},
          {"active", queue.active()},
          {"failures", queue.failures()},
          {"taken", queue.taken()},
          {"done", queue.done()},
          {"next_attempt_s", queue.next_attempt_s()},
          {"last_error", queue.last_error()}};
}

}  // namespace hauspost::cli
