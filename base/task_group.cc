#include "base/task_group.h"

#include <asio/bind_cancellation_slot.hpp>

#include "base/check.h"
#include "base/log.h"

namespace hauspost {

TaskGroup::~TaskGroup() { HP_CHECK(members_.empty()); }

namespace {

Task<void> without_throwing(Task<void> task) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await std::move(task);
}

}  // namespace

void TaskGroup::spawn(std::string name, Task<void> task) {
  if (stopping_) return;
  const auto member = members_.emplace(members_.end());
  auto ended = [this, member, name = std::move(name)](const std::exception_ptr& failure) {
    if (failure && !stopping_) {
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& exception) {
        log::error("task.failed", {{"task", name}, {"cause", exception.what()}});
      } catch (...) {
        log::error("task.failed", {{"task", name}, {"cause", "unknown exception"}});
      }
    }
    members_.erase(member);
    if (members_.empty()) drained_.notify_all();
  };
  asio::co_spawn(executor_, without_throwing(std::move(task)),
                 asio::bind_cancellation_slot(member->slot(), std::move(ended)));
}

void TaskGroup::stop() {
  stopping_ = true;
  for (auto member = members_.begin(); member != members_.end();) {
    const auto current = member++;  // emit() may end the task and erase its member
    current->emit(asio::cancellation_type::terminal);
  }
}

Task<void> TaskGroup::join() {
  while (!members_.empty()) {
    co_await drained_.wait_even_cancelled();  // a cancelled joiner still waits for the rest
  }
}

}  // namespace hauspost
