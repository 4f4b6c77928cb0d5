#include <fmt/format.h>

#include "base/clock.h"
#include "tools/cli/commands.h"
#include "tools/cli/job.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct JobOptions {
  std::string database;
  std::uint64_t id = 0;
  bool wait = false;
};

std::int64_t now_in_s() {
  return std::chrono::duration_cast<Seconds>(system_clock().now().time_since_epoch()).count();
}

std::string share_done(const admin::Job& job) {
  if (job.total() == 0) return "-";
  return fmt::format("{} %", std::min<std::uint64_t>(job.done() * 100 / job.total(), 100));
}

std::string duration(const admin::Job& job) {
  return human_seconds((job.ended_s() == 0 ? now_in_s() : job.ended_s()) - job.started_s());
}

Outcome<> run_job_list(Context& context, JobOptions& options) {
  admin::JobListRequest request;
  request.set_name(options.database);
  TRY_ASSIGN(const auto reply, context.ask(request));
  Json jobs = Json::array();
  for (const auto& job : reply.jobs()) jobs.push_back(to_json(job));
  context.print(jobs);
  if (reply.jobs().empty()) {
    context.say("No job has run since the server started.");
    return {};
  }
  Table table({{"JOB", true},
               {"DATABASE"},
               {"KIND"},
               {"STATE"},
               {"STEP"},
               {"DONE", true},
               {"STARTED"},
               {"TOOK", true},
               {"CAUSE"}});
  for (const auto& job : reply.jobs()) {
    const bool runs = job.state() == admin::JOB_STATE_RUNNING;
    table.add({std::to_string(job.id()), job.database(), job.kind(), state_word(job.state()),
               runs ? job.step() : "", runs ? share_done(job) : "", human_time(job.started_s()),
               duration(job), job.error()});
  }
  context.say(table.render(terminal_width()));
  return {};
}

Outcome<> run_job_show(Context& context, JobOptions& options) {
  if (options.wait) {
    // Its failure is what the job's entry below says.
    [[maybe_unused]] const auto ended = watch_job(context, options.id);
  }
  admin::JobShowRequest request;
  request.set_id(options.id);
  TRY_ASSIGN(const auto reply, context.ask(request));
  const admin::Job& job = reply.job();
  context.print(to_json(job));
  Table table({{"FIELD"}, {"VALUE"}});
  table.add({"job", std::to_string(job.id())});
  table.add({"database", job.database()});
  table.add({"kind", job.kind()});
  table.add({"state", state_word(job.state())});
  if (!job.step().empty()) table.add({"step", job.step()});
  if (job.total() != 0) table.add({"done", fmt::format("{} of {}", job.done(), job.total())});
  table.add({"started", human_time(job.started_s())});
  table.add({"took", duration(job)});
  if (!job.error().empty()) table.add({"cause", job.error()});
  context.say(table.render(terminal_width()));
  if (!options.wait || job.state() == admin::JOB_STATE_DONE) return {};
  const std::string cause = job.error().empty() ? state_word(job.state()) : job.error();
  return std::unexpected(
      Failure{Exit::kRefused, job.error_code(),
              fmt::format("job {} did not succeed: {}", job.id(), printable(cause)), true});
}

Outcome<> run_cancel(Context& context, JobOptions& options) {
  admin::JobCancelRequest request;
  request.set_id(options.id);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print(to_json(reply.job()));
  context.say(fmt::format("Job {} ({} of {}) was told to end.", reply.job().id(),
                          reply.job().kind(), printable(reply.job().database())));
  return {};
}

}  // namespace

void add_job_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "job", "Jobs: long work on databases");
  auto options = std::make_shared<JobOptions>();
  add_verb<JobOptions>(*noun, "list", "List what runs and what has ended", chosen, options,
                       run_job_list)
      ->add_option("DATABASE", options->database, "Only of this database");
  CLI::App* show = add_verb<JobOptions>(*noun, "show", "Show one job", chosen, options, run_job_show);
  show->add_option("JOB", options->id, "Its number")->required();
  show->add_flag("--wait", options->wait, "Wait for its end, with a progress bar");
  add_verb<JobOptions>(*noun, "cancel", "Ask a job to end", chosen, options, run_cancel)
      ->add_option("JOB", options->id, "Its number")
      ->required();
}

}  // namespace hauspost::cli
