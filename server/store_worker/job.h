// A kind of job: long work that the supervisor starts in a store worker, on a thread of its own.
#pragma once

#include <asio/co_spawn.hpp>

#include <optional>
#include <string>
#include <string_view>

#include "server/child/child.h"
#include "store/database.h"
#include "store/progress.h"

namespace hauspost::store_worker {

struct JobContext {
  const child::Settings& settings;
  store::Database* database;  // null: dismounted; the job takes the folder's lock itself
  store::Progress& progress;  // check() it often: a cancelled job has seconds to return
};

// `request` and the result are the kind's own protobuf messages (server/child/jobs.proto or a file
// beside it). May block. An error is told to who started the job.
using JobFunction = Result<std::string> (*)(JobContext& context, std::string_view request);

enum class JobNeeds : std::uint8_t { kMounted, kDismounted, kEither };

struct JobKind {
  std::string_view name;
  JobNeeds needs = JobNeeds::kMounted;
  bool alone = true;  // never beside another job that is alone
  JobFunction run = nullptr;
};

// Parses a job's request.
template <class Message>
Result<Message> parse_job_request(std::string_view bytes) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(ErrorCode::kInvalid, "the job's request does not parse");
  return message;
}

// Runs one of the database's tasks to its end on the job's thread.
template <class T>
Result<T> await_here(Task<Result<T>> task) {
  asio::io_context io(1);
  std::optional<Result<T>> outcome;
  asio::co_spawn(io.get_executor(), std::move(task),
                 [&outcome](const std::exception_ptr& thrown, Result<T> result) {
                   if (!thrown) outcome.emplace(std::move(result));
                 });
  io.run();
  if (!outcome) return fail(ErrorCode::kInternal, "a task ended without a result");
  return *std::move(outcome);
}

}  // namespace hauspost::store_worker
