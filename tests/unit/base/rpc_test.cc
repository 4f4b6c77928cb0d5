#include "base/link/rpc.h"

#include <catch2/catch.hpp>

#include <filesystem>
#include <stdexcept>

#include "base/bytes.h"
#include "base/ids.h"
#include "run.h"

using namespace hauspost;
using namespace hauspost::link;
using namespace std::chrono_literals;

namespace {

enum Method : std::uint16_t {
  kEcho = 1,
  kSlowEcho = 2,
  kFail = 3,
  kThrow = 4,
  kNever = 5,
  kHuge = 6,
};
constexpr std::size_t kPayloadMax = 100'000;

struct Server {
  int under_way = 0;
  int most = 0;
  int cancelled = 0;
  RpcHandler handler;

  Server() {
    handler = [this](std::uint16_t method, std::string body) {
      return handle(this, method, std::move(body));
    };
  }
  static Task<Result<std::string>> handle(Server* self, std::uint16_t method, std::string body) {
    self->most = std::max(self->most, ++self->under_way);
    auto result = co_await self->answer(method, std::move(body));
    --self->under_way;
    co_return result;
  }
  Task<Result<std::string>> answer(std::uint16_t method, std::string body) {
    switch (method) {
      case kEcho: co_return body;
      case kSlowEcho: {
        const auto delay = std::chrono::milliseconds(body.size() % 7);
        CO_TRY(co_await sleep_for(delay));
        co_return body;
      }
      case kThrow: --under_way; throw std::runtime_error("on purpose");
      case kNever: {
        auto slept = co_await sleep_for(1h);
        if (!slept) ++cancelled;
        co_return fail(ErrorCode::kCancelled, "stopped");
      }
      case kHuge: co_return std::string(kPayloadMax + 1, 'h');
      default:
        co_return fail(static_cast<ErrorCode>(load_le<std::uint8_t>(body.data())), "as asked");
    }
  }
};

Task<void> serve(UnixSocket socket, Server& server, RpcLimits limits,
                 std::optional<Result<>>& outcome) {
  outcome = co_await serve_rpc(std::move(socket), server.handler, limits);
}

using Outcome = std::optional<Result<std::string>>;
Task<void> call_and_note(RpcClient& client, std::uint16_t method, std::string body,
                         Duration timeout, Outcome& outcome) {
  outcome = co_await client.call(method, body, timeout);
}

// A client and a server over a socket pair, for one test body.
struct Rig {
  Rig(asio::io_context& io, RpcLimits limits = {.payload_max = kPayloadMax})
      : Rig(io, limits, test::socket_pair(io)) {}
  Rig(asio::io_context& io, RpcLimits limits, std::pair<UnixSocket, UnixSocket> ends)
      : client(std::move(ends.first), kPayloadMax), group(io.get_executor()) {
    group.spawn("serve", serve(std::move(ends.second), server, limits, served));
  }
  Task<void> end() {
    client.stop();
    co_await client.join();
    group.stop();
    co_await group.join();
  }

  Server server;
  std::optional<Result<>> served;
  RpcClient client;
  TaskGroup group;
};

}  // namespace

TEST_CASE("rpc: many calls at once, each gets its own answer") {
  asio::io_context io;
  Rig rig(io);
  test::run(io, [](Executor executor, Rig& all) -> Task<void> {
    TaskGroup callers(executor);
    std::vector<Outcome> outcomes(500);
    std::vector<std::string> bodies;
    for (std::size_t i = 0; i < outcomes.size(); ++i)
      bodies.push_back(std::to_string(i) + std::string(i, 'b'));
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      callers.spawn("caller", call_and_note(all.client, kSlowEcho, bodies[i], 10s, outcomes[i]));
    }
    co_await callers.join();
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      REQUIRE((outcomes[i] && *outcomes[i]));
      CHECK(**outcomes[i] == bodies[i]);
    }
    CHECK(all.server.most > 10);  // they ran side by side
    co_await all.end();
  }(io.get_executor(), rig));
}

TEST_CASE("rpc: every error code of a handler reaches the caller") {
  asio::io_context io;
  Rig rig(io);
  test::run(io, [](Rig& all) -> Task<void> {
    for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
      auto result = co_await all.client.call(kFail, std::string(1, static_cast<char>(code)), 10s);
      REQUIRE_FALSE(result);
      CHECK(static_cast<int>(result.error().code) == code);
      CHECK(result.error().text == "as asked");
    }
    co_await all.end();
  }(rig));
}

TEST_CASE("rpc: a handler that throws fails its call at once and no other") {
  asio::io_context io;
  Rig rig(io);
  test::run(io, [](Rig& all) -> Task<void> {
    auto thrown = co_await all.client.call(kThrow, "", 10s);
    CHECK((!thrown && thrown.error().code == ErrorCode::kInternal));
    CHECK((co_await all.client.call(kEcho, "still here", 10s)) == "still here");
    co_await all.end();
  }(rig));
}

TEST_CASE("rpc: too large a request or reply fails that call only") {
  asio::io_context io;
  Rig rig(io);
  test::run(io, [](Rig& all) -> Task<void> {
    auto request = co_await all.client.call(kEcho, std::string(kPayloadMax + 1, 'r'), 10s);
    CHECK((!request && request.error().code == ErrorCode::kInvalid));
    auto reply = co_await all.client.call(kHuge, "", 10s);
    CHECK((!reply && reply.error().code == ErrorCode::kExhausted));
    const std::string largest(kPayloadMax - 14, 'l');
    CHECK((co_await all.client.call(kEcho, largest, 10s)) == largest);
    co_await all.end();
  }(rig));
}

TEST_CASE("rpc: a call without answer times out, a late answer harms nobody") {
  asio::io_context io;
  Rig rig(io);
  test::run(io, [](Rig& all) -> Task<void> {
    auto never = co_await all.client.call(kNever, "", 20ms);
    CHECK((!never && never.error().code == ErrorCode::kTimeout));
    auto late = co_await all.client.call(kSlowEcho, "123456", 1ms);  // answers after 6 ms
    CHECK((!late && late.error().code == ErrorCode::kTimeout));
    REQUIRE_FALSE(!co_await sleep_for(15ms));
    CHECK((co_await all.client.call(kEcho, "next", 10s)) == "next");
    co_await all.end();
    CHECK(all.server.cancelled == 1);  // the end of the connection stops what still runs
  }(rig));
}

TEST_CASE("rpc: a lost connection fails every call under way with kUnavailable") {
  asio::io_context io;
  Rig rig(io);
  test::run(io, [](Executor executor, Rig& all) -> Task<void> {
    TaskGroup callers(executor);
    std::vector<Outcome> outcomes(20);
    for (Outcome& outcome : outcomes)
      callers.spawn("caller", call_and_note(all.client, kNever, "", 1h, outcome));
    while (all.server.under_way < 20) REQUIRE_FALSE(!co_await sleep_for(1ms));
    all.group.stop();
    co_await callers.join();
    for (const Outcome& outcome : outcomes)
      CHECK((outcome && !*outcome && outcome->error().code == ErrorCode::kUnavailable));
    auto after = co_await all.client.call(kEcho, "", 1s);  // a socket pair is not renewed
    CHECK((!after && after.error().code == ErrorCode::kUnavailable));
    co_await all.end();
    CHECK(all.server.cancelled == 20);
  }(io.get_executor(), rig));
}

TEST_CASE("rpc: stop fails calls under way and later ones") {
  asio::io_context io;
  Rig rig(io);
  test::run(io, [](Executor executor, Rig& all) -> Task<void> {
    TaskGroup callers(executor);
    Outcome outcome;
    callers.spawn("caller", call_and_note(all.client, kNever, "", 1h, outcome));
    while (all.server.under_way == 0) REQUIRE_FALSE(!co_await sleep_for(1ms));
    all.client.stop();
    co_await callers.join();
    CHECK((outcome && !*outcome && outcome->error().code == ErrorCode::kUnavailable));
    auto after = co_await all.client.call(kEcho, "", 1s);
    CHECK((!after && after.error().code == ErrorCode::kUnavailable));
    co_await all.end();
  }(io.get_executor(), rig));
}

TEST_CASE("rpc: no more than calls_max run at once, the rest waits and is answered") {
  asio::io_context io;
  Rig rig(io, {.payload_max = kPayloadMax, .calls_max = 4});
  test::run(io, [](Executor executor, Rig& all) -> Task<void> {
    TaskGroup callers(executor);
    std::vector<Outcome> outcomes(50);
    for (Outcome& outcome : outcomes)
      callers.spawn("caller", call_and_note(all.client, kSlowEcho, "123456", 10s, outcome));
    co_await callers.join();
    for (const Outcome& outcome : outcomes) CHECK((outcome && *outcome));
    CHECK(all.server.most <= 4);
    co_await all.end();
  }(io.get_executor(), rig));
}

TEST_CASE("rpc: a cancelled caller gets kCancelled, the connection lives on") {
  asio::io_context io;
  Rig rig(io);
  test::run(io, [](Executor executor, Rig& all) -> Task<void> {
    TaskGroup callers(executor);
    Outcome outcome;
    callers.spawn("caller", call_and_note(all.client, kNever, "", 1h, outcome));
    while (all.server.under_way == 0) REQUIRE_FALSE(!co_await sleep_for(1ms));
    callers.stop();
    co_await callers.join();
    CHECK((outcome && !*outcome && outcome->error().code == ErrorCode::kCancelled));
    CHECK((co_await all.client.call(kEcho, "alive", 10s)) == "alive");
    co_await all.end();
  }(io.get_executor(), rig));
}

TEST_CASE("rpc: bytes that are no request end the connection, not the server") {
  asio::io_context io;
  for (const std::string_view garbage :
       {std::string_view("GET / HTTP/1.1\r\n\r\n"), std::string_view("\3\0\0\0\x08\0\0\0abc", 11),
        std::string_view("\0\0\0\0\x04\0\0\0", 8)}) {
    auto [near, far] = test::socket_pair(io);
    REQUIRE(::send(near.native_handle(), garbage.data(), garbage.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(garbage.size()));
    Server server;
    std::optional<Result<>> outcome;
    test::run(io, serve(std::move(far), server, {}, outcome));
    CHECK((outcome && !*outcome && outcome->error().code == ErrorCode::kCorrupt));
  }
}

namespace {

Task<void> accept_and_serve(UnixAcceptor& acceptor, TaskGroup& connections, Server& server) {
  for (;;) {
    UnixSocket socket(co_await asio::this_coro::executor);
    std::error_code code;
    co_await acceptor.async_accept(socket, asio::redirect_error(kUseTask, code));
    if (code) co_return;
    auto serve_one = [](UnixSocket accepted, Server& with) -> Task<void> {
      [[maybe_unused]] auto ended = co_await serve_rpc(std::move(accepted), with.handler);
    };
    connections.spawn("serve", serve_one(std::move(socket), server));
  }
}

Task<void> reconnect_rounds(Executor executor, UnixAcceptor& acceptor, std::string path) {
  Server server;
  RpcClient client(executor, path, kPayloadMax);
  for (int round = 0; round < 3; ++round) {
    TaskGroup accepting(executor);
    TaskGroup connections(executor);
    accepting.spawn("accept", accept_and_serve(acceptor, connections, server));
    TaskGroup callers(executor);
    std::vector<Outcome> outcomes(5);  // at once: they share one connection
    for (Outcome& outcome : outcomes)
      callers.spawn("caller", call_and_note(client, kEcho, "round", 10s, outcome));
    co_await callers.join();
    for (const Outcome& outcome : outcomes) CHECK((outcome && *outcome && **outcome == "round"));
    accepting.stop();
    co_await accepting.join();
    connections.stop();
    co_await connections.join();
    auto between = co_await client.call(kEcho, "", 20ms);  // nobody accepts now
    CHECK_FALSE(between);
  }
  client.stop();
  co_await client.join();
}

}  // namespace

TEST_CASE("rpc: a client by path reconnects after a loss") {
  asio::io_context io;
  const auto path = std::filesystem::temp_directory_path() / ("hp-" + Guid::random().to_string());
  UnixAcceptor acceptor(io.get_executor(), asio::local::stream_protocol::endpoint(path.string()));
  test::run(io, reconnect_rounds(io.get_executor(), acceptor, path.string()));
  std::filesystem::remove(path);
}
