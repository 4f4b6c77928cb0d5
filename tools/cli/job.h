// Jobs from the command line: start one, watch it with a progress bar, read its report.
#pragma once

#include <string>

#include "tools/cli/context.h"

namespace hauspost::cli {

struct JobWish {
  std::string database;
  std::string kind;
  std::string request;      // the kind's message, serialised
  bool background = false;  // return at once
};

// Starts the job and waits for its end; the bar is on standard error and only on a terminal. The
// job goes on when this command is interrupted. Returns its report, or why there is none. With
// `background`: prints the job and returns nullopt.
Outcome<std::optional<std::string>> run_job(Context& context, const JobWish& wish);
// The same for a job that another call of the admin API has started.
Outcome<std::string> watch_job(Context& context, std::uint64_t id);

// run_job() for a kind that reports a message; nullopt: it runs in the background.
template <class Report>
Outcome<std::optional<Report>> run_job_for(Context& context, const JobWish& wish) {
  TRY_ASSIGN(const std::optional<std::string> bytes, run_job(context, wish));
  if (!bytes) return std::nullopt;
  Report report;
  if (!report.ParseFromString(*bytes)) {
    return refused(ErrorCode::kCorrupt,
                   "the job's report does not parse: are hauspost and hauspostd of the same "
                   "version?");
  }
  return report;
}

std::string state_word(admin::JobState state);
Json to_json(const admin::Job& job);  // without its report

}  // namespace hauspost::cli
