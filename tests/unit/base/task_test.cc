#include <catch2/catch.hpp>

#include <optional>
#include <stdexcept>

#include "base/condition.h"
#include "base/deadline.h"
#include "base/log.h"
#include "base/task_group.h"
#include "run.h"

using namespace hauspost;
using namespace std::chrono_literals;

namespace {

Task<void> sleep_and_note(Duration duration, std::optional<ErrorCode>& outcome, int& ended) {
  auto slept = co_await sleep_for(duration);
  if (!slept) outcome = slept.error().code;
  ++ended;
}
Task<void> sleep_twice(std::vector<ErrorCode>& outcomes) {
  for (int i = 0; i < 2; ++i) {
    auto slept = co_await sleep_for(1h);
    if (!slept) outcomes.push_back(slept.error().code);
  }
}
Task<void> wait_twice(Condition& condition, std::vector<ErrorCode>& outcomes) {
  for (int i = 0; i < 2; ++i) {
    auto woken = co_await condition.wait();
    if (!woken) outcomes.push_back(woken.error().code);
  }
}
Task<void> throw_at_once() {
  throw std::runtime_error("on purpose");
  co_return;
}
Task<void> throw_a_number() {
  throw 1;
  co_return;
}
Task<void> join_group(TaskGroup& group, bool& joined) {
  co_await group.join();
  joined = true;
}
Task<void> spawn_more(TaskGroup& group, int depth, int& count) {
  ++count;
  co_await yield_now();
  if (depth > 0) {
    group.spawn("left", spawn_more(group, depth - 1, count));
    group.spawn("right", spawn_more(group, depth - 1, count));
  }
}

}  // namespace

TEST_CASE("task group: stop cancels, join waits for the last") {
  asio::io_context io;
  test::run(io, [](Executor executor) -> Task<void> {
    TaskGroup group(executor);
    std::optional<ErrorCode> outcome;
    int ended = 0;
    for (int i = 0; i < 10; ++i) group.spawn("sleeper", sleep_and_note(1h, outcome, ended));
    REQUIRE_FALSE(!co_await sleep_for(5ms));
    CHECK(group.size() == 10);
    group.stop();
    co_await group.join();
    CHECK(ended == 10);
    CHECK(outcome == ErrorCode::kCancelled);
    CHECK(group.size() == 0);
  }(io.get_executor()));
}

TEST_CASE("task group: a task stopped before its first step is dropped") {
  asio::io_context io;
  TaskGroup group(io.get_executor());
  std::optional<ErrorCode> outcome;
  int ended = 0;
  group.spawn("sleeper", sleep_and_note(1h, outcome, ended));
  group.stop();
  test::run(io, [](TaskGroup& all) -> Task<void> { co_await all.join(); }(group));
  CHECK(ended == 0);
  CHECK(group.size() == 0);
}

TEST_CASE("task group: after the first cancelled operation every further one is cancelled") {
  asio::io_context io;
  test::run(io, [](Executor executor) -> Task<void> {
    TaskGroup group(executor);
    Condition condition(executor);
    std::vector<ErrorCode> sleeps;
    std::vector<ErrorCode> waits;
    group.spawn("sleeper", sleep_twice(sleeps));
    group.spawn("waiter", wait_twice(condition, waits));
    co_await yield_now();
    group.stop();
    co_await group.join();
    CHECK(sleeps == std::vector{ErrorCode::kCancelled, ErrorCode::kCancelled});
    CHECK(waits == std::vector{ErrorCode::kCancelled, ErrorCode::kCancelled});
  }(io.get_executor()));
}

TEST_CASE("task group: an exception ends only its own task") {
  asio::io_context io;
  test::run(io, [](Executor executor) -> Task<void> {
    TaskGroup group(executor);
    std::optional<ErrorCode> outcome;
    int ended = 0;
    group.spawn("thrower", throw_at_once());
    group.spawn("odd thrower", throw_a_number());
    group.spawn("sleeper", sleep_and_note(5ms, outcome, ended));
    co_await group.join();
    CHECK(ended == 1);
    CHECK_FALSE(outcome);
  }(io.get_executor()));
}

TEST_CASE("task group: nothing starts after stop") {
  asio::io_context io;
  test::run(io, [](Executor executor) -> Task<void> {
    TaskGroup group(executor);
    std::optional<ErrorCode> outcome;
    int ended = 0;
    group.stop();
    group.spawn("late", sleep_and_note(1ms, outcome, ended));
    CHECK(group.size() == 0);
    co_await group.join();
    CHECK(ended == 0);
  }(io.get_executor()));
}

TEST_CASE("task group: a cancelled joiner still waits for the rest") {
  asio::io_context io;
  test::run(io, [](Executor executor) -> Task<void> {
    TaskGroup inner(executor);
    TaskGroup outer(executor);
    std::optional<ErrorCode> outcome;
    int ended = 0;
    bool joined = false;
    inner.spawn("sleeper", sleep_and_note(30ms, outcome, ended));
    outer.spawn("joiner", join_group(inner, joined));
    co_await yield_now();
    outer.stop();
    co_await yield_now();
    CHECK_FALSE(joined);
    co_await outer.join();
    CHECK(joined);
    CHECK(ended == 1);
  }(io.get_executor()));
}

TEST_CASE("task group: tasks may spawn tasks into their own group") {
  asio::io_context io;
  test::run(io, [](Executor executor) -> Task<void> {
    TaskGroup group(executor);
    int count = 0;
    group.spawn("root", spawn_more(group, 6, count));
    co_await group.join();
    CHECK(count == 127);
  }(io.get_executor()));
}

TEST_CASE("condition: notify_all wakes everyone who waits, and only them") {
  asio::io_context io;
  test::run(io, [](Executor executor) -> Task<void> {
    Condition condition(executor);
    TaskGroup group(executor);
    int woken = 0;
    auto wait_once = [](Condition& on, int& count) -> Task<void> {
      if (co_await on.wait()) ++count;
    };
    condition.notify_all();  // nobody waits: not remembered
    for (int i = 0; i < 3; ++i) group.spawn("waiter", wait_once(condition, woken));
    co_await yield_now();
    CHECK(woken == 0);
    condition.notify_all();
    co_await group.join();
    CHECK(woken == 3);
    group.spawn("late", wait_once(condition, woken));
    co_await yield_now();
    CHECK(group.size() == 1);
    condition.notify_all();
    co_await group.join();
    CHECK(woken == 4);
  }(io.get_executor()));
}

TEST_CASE("deadline: fires once, not before its time, and not after stop") {
  asio::io_context io;
  test::run(io, [](Executor executor) -> Task<void> {
    int fired = 0;
    Deadline deadline(executor, [&fired] { ++fired; });
    deadline.start(20ms);
    const auto begin = std::chrono::steady_clock::now();
    while (fired == 0) REQUIRE_FALSE(!co_await sleep_for(1ms));
    CHECK(std::chrono::steady_clock::now() - begin >= 20ms);
    CHECK(deadline.expired());
    deadline.start(5ms);
    CHECK_FALSE(deadline.expired());
    deadline.stop();
    REQUIRE_FALSE(!co_await sleep_for(15ms));
    CHECK(fired == 1);
    CHECK_FALSE(deadline.expired());
  }(io.get_executor()));
}

TEST_CASE("deadline: moving on and coming nearer both hold") {
  asio::io_context io;
  test::run(io, [](Executor executor) -> Task<void> {
    int fired = 0;
    Deadline deadline(executor, [&fired] { ++fired; });
    for (int i = 0; i < 10; ++i) {  // always moved on before it passes
      deadline.start(50ms);
      REQUIRE_FALSE(!co_await sleep_for(2ms));
    }
    CHECK(fired == 0);
    deadline.start(1h);
    deadline.start(5ms);  // nearer than what the timer is armed for
    for (int i = 0; i < 2000 && fired == 0; ++i) REQUIRE_FALSE(!co_await sleep_for(1ms));
    CHECK(fired == 1);
  }(io.get_executor()));
}

TEST_CASE("deadline: may be destroyed by what it runs, and while it is armed") {
  asio::io_context io;
  test::run(io, [](Executor executor) -> Task<void> {
    std::unique_ptr<Deadline> deadline;
    auto owned = std::make_shared<int>(0);
    deadline = std::make_unique<Deadline>(executor, [&deadline, owned] {
      deadline.reset();
      ++*owned;
    });
    deadline->start(1ms);
    for (int i = 0; i < 2000 && *owned == 0; ++i) REQUIRE_FALSE(!co_await sleep_for(1ms));
    CHECK(*owned == 1);
    int fired = 0;
    {
      Deadline armed(executor, [&fired] { ++fired; });
      armed.start(2ms);
    }
    REQUIRE_FALSE(!co_await sleep_for(10ms));
    CHECK(fired == 0);
  }(io.get_executor()));
}
