#include <sys/socket.h>

#include <catch2/catch.hpp>

#include <optional>

#include "base/memory_stream.h"
#include "base/random.h"
#include "base/signal.h"
#include "base/socket_stream.h"
#include "run.h"

using namespace hauspost;
using namespace std::chrono_literals;

namespace {

using StreamPair = std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>>;

StreamPair unix_pair(asio::io_context& io) {
  auto [left, right] = test::socket_pair(io);
  return {std::make_unique<UnixStream>(std::move(left)),
          std::make_unique<UnixStream>(std::move(right))};
}
StreamPair tcp_pair(asio::io_context& io) {
  TcpAcceptor acceptor(io.get_executor(), {asio::ip::address_v4::loopback(), 0});
  TcpSocket left(io.get_executor());
  left.connect(acceptor.local_endpoint());
  TcpSocket right(io.get_executor());
  acceptor.accept(right);
  return {std::make_unique<TcpStream>(std::move(left)),
          std::make_unique<TcpStream>(std::move(right))};
}
StreamPair memory_pair(asio::io_context& io) {
  auto [left, right] = MemoryStream::pair(io.get_executor());
  return {std::move(left), std::move(right)};
}
using MakePair = StreamPair (*)(asio::io_context&);

std::string random_text(std::size_t size) {
  std::string text(size, '\0');
  random_bytes({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  return text;
}

Task<void> write_all(Stream& to, const std::string& text, std::size_t piece, bool& done) {
  for (std::size_t at = 0; at < text.size(); at += piece) {
    const std::string_view rest = std::string_view(text).substr(at, piece);
    const std::string_view parts[] = {rest.substr(0, rest.size() / 2),
                                      rest.substr(rest.size() / 2)};
    if (!co_await to.write(std::span<const std::string_view>(parts))) co_return;
  }
  done = true;
}
Task<void> read_to_end(Stream& from, std::string& text) {
  std::array<char, 10000> buffer;
  for (;;) {
    auto got = co_await from.read_some(buffer);
    if (!got || *got == 0) co_return;
    text.append(buffer.data(), *got);
  }
}
Task<void> read_once(Stream& from, std::optional<Result<std::size_t>>& outcome) {
  std::array<char, 16> buffer;
  outcome = co_await from.read_some(buffer);
}
Task<void> wait_once(Stream& on, Signal& signal, Duration timeout,
                     std::optional<Result<Wake>>& outcome) {
  outcome = co_await on.wait_input(signal, timeout);
}

}  // namespace

TEST_CASE("stream: bytes arrive whole and in order, then the end") {
  const MakePair make = GENERATE(&unix_pair, &tcp_pair, &memory_pair);
  asio::io_context io;
  auto streams = make(io);
  test::run(io, [](Executor executor, StreamPair& ends) -> Task<void> {
    const std::string sent = random_text(1 << 20);  // more than any socket buffer holds
    std::string received;
    bool done = false;
    TaskGroup group(executor);
    group.spawn("reader", read_to_end(*ends.second, received));
    group.spawn("writer", write_all(*ends.first, sent, 70'001, done));
    while (!done) REQUIRE_FALSE(!co_await sleep_for(1ms));
    while (received.size() < sent.size()) REQUIRE_FALSE(!co_await sleep_for(1ms));
    ends.first->close();
    co_await group.join();
    CHECK(received == sent);
  }(io.get_executor(), streams));
}

TEST_CASE("stream: wait_input tells input, signal and time-out apart and consumes nothing") {
  const MakePair make = GENERATE(&unix_pair, &tcp_pair, &memory_pair);
  asio::io_context io;
  auto streams = make(io);
  test::run(io, [](Executor executor, StreamPair& ends) -> Task<void> {
    Signal signal;
    CHECK((co_await ends.second->wait_input(signal, 5ms)) == Wake::kTimeout);
    signal.notify();
    CHECK((co_await ends.second->wait_input(signal, 1h)) == Wake::kSignal);
    CHECK_FALSE(signal.is_set());

    TaskGroup group(executor);
    std::optional<Result<Wake>> woken;
    group.spawn("waiter", wait_once(*ends.second, signal, 1h, woken));
    co_await yield_now();
    CHECK_FALSE(woken);
    signal.notify();
    signal.notify();
    co_await group.join();
    CHECK((woken && *woken == Wake::kSignal));

    REQUIRE(co_await ends.first->write("hello"));
    CHECK((co_await ends.second->wait_input(signal, 1h)) == Wake::kInput);
    CHECK((co_await ends.second->wait_input(signal, 1h)) == Wake::kInput);
    std::array<char, 16> buffer;
    CHECK((co_await ends.second->read_some(buffer)) == 5U);
    CHECK((co_await ends.second->wait_input(signal, 5ms)) == Wake::kTimeout);
    ends.first->close();
    CHECK((co_await ends.second->wait_input(signal, 1h)) == Wake::kInput);
    CHECK((co_await ends.second->read_some(buffer)) == 0U);
  }(io.get_executor(), streams));
}

TEST_CASE("socket stream: input that comes together with a signal is told of next") {
  const MakePair make = GENERATE(&unix_pair, &tcp_pair);
  asio::io_context io;
  auto streams = make(io);
  test::run(io, [](Executor executor, StreamPair& ends) -> Task<void> {
    Signal signal;
    CHECK((co_await ends.second->wait_input(signal, 5ms)) == Wake::kTimeout);
    REQUIRE(co_await ends.first->write("hello"));
    REQUIRE(co_await sleep_for(1ms));  // the arrival is reported while nobody waits
    TaskGroup group(executor);
    std::optional<Result<Wake>> woken;
    group.spawn("waiter", wait_once(*ends.second, signal, 1h, woken));
    co_await yield_now();
    signal.notify();
    co_await group.join();
    REQUIRE((woken && *woken));
    if (**woken == Wake::kInput) {
      // The wait was over before the signal came.
      CHECK((co_await ends.second->wait_input(signal, 1h)) == Wake::kSignal);
    }
    CHECK_FALSE(signal.is_set());
    CHECK((co_await ends.second->wait_input(signal, 10s)) == Wake::kInput);
    std::array<char, 16> buffer;
    CHECK((co_await ends.second->read_some(buffer)) == 5U);
  }(io.get_executor(), streams));
}

TEST_CASE("stream: a stopped task sees kCancelled from reads and waits") {
  const MakePair make = GENERATE(&unix_pair, &tcp_pair, &memory_pair);
  asio::io_context io;
  auto streams = make(io);
  test::run(io, [](Executor executor, StreamPair& ends) -> Task<void> {
    TaskGroup group(executor);
    std::optional<Result<std::size_t>> read;
    std::optional<Result<Wake>> waited;
    Signal signal;
    group.spawn("reader", read_once(*ends.first, read));
    group.spawn("waiter", wait_once(*ends.second, signal, 1h, waited));
    co_await yield_now();
    group.stop();
    co_await group.join();
    REQUIRE((read && waited));
    CHECK((!*read && read->error().code == ErrorCode::kCancelled));
    CHECK((!*waited && waited->error().code == ErrorCode::kCancelled));
  }(io.get_executor(), streams));
}

TEST_CASE("stream: writing to a peer that is gone is kUnavailable") {
  const MakePair make = GENERATE(&unix_pair, &memory_pair);
  asio::io_context io;
  auto streams = make(io);
  test::run(io, [](StreamPair& ends) -> Task<void> {
    ends.second->close();
    auto written = co_await ends.first->write("x");
    REQUIRE_FALSE(written);
    CHECK(written.error().code == ErrorCode::kUnavailable);
  }(streams));
}

TEST_CASE("socket stream: close ends a read under way with kCancelled, twice is fine") {
  asio::io_context io;
  auto streams = unix_pair(io);
  test::run(io, [](Executor executor, StreamPair& ends) -> Task<void> {
    TaskGroup group(executor);
    std::optional<Result<std::size_t>> read;
    group.spawn("reader", read_once(*ends.first, read));
    co_await yield_now();
    ends.first->close();
    ends.first->close();
    co_await group.join();
    CHECK((read && !*read && read->error().code == ErrorCode::kCancelled));
    auto again = co_await ends.first->write("x");
    CHECK((!again && again.error().code == ErrorCode::kCancelled));
  }(io.get_executor(), streams));
}

TEST_CASE("socket stream: a slow peer is kTimeout, for reading and for writing") {
  const MakePair make = GENERATE(&unix_pair, &tcp_pair);
  asio::io_context io;
  auto streams = make(io);
  test::run(io, [](StreamPair& ends) -> Task<void> {
    ends.first->set_timeout(20ms);
    std::array<char, 16> buffer;
    auto read = co_await ends.first->read_some(buffer);
    CHECK((!read && read.error().code == ErrorCode::kTimeout));
    const std::string large(64 << 20, 'x');  // nobody reads it
    auto written = co_await ends.first->write(large);
    CHECK((!written && written.error().code == ErrorCode::kTimeout));
  }(streams));
}

TEST_CASE("socket stream: a write that ends does not lift the bound on a read") {
  asio::io_context io;
  auto streams = unix_pair(io);
  test::run(io, [](Executor executor, StreamPair& ends) -> Task<void> {
    TaskGroup group(executor);
    std::optional<Result<std::size_t>> read;
    ends.first->set_timeout(50ms);
    group.spawn("reader", read_once(*ends.first, read));
    co_await yield_now();
    REQUIRE(co_await ends.first->write("x"));
    co_await group.join();
    CHECK((read && !*read && read->error().code == ErrorCode::kTimeout));
  }(io.get_executor(), streams));
}
