// Runs one of a database's tasks to its end on the calling thread.
#pragma once

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <optional>

#include "base/async.h"

namespace hauspost::store {

// REQUIRES: a thread that may block.
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

}  // namespace hauspost::store
