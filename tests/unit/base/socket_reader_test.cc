// What edge-reported sockets must not lose: an end, a failure or bytes that come together with what
// was read before.
#include <sys/socket.h>

#include <catch2/catch.hpp>

#include <optional>

#include "base/signal.h"
#include "base/socket_stream.h"
#include "run.h"

using namespace hauspost;
using namespace std::chrono_literals;

namespace {

// One end under test, the other in the test's own hands.
struct Ends {
  std::unique_ptr<Stream> stream;
  int peer = -1;
  ~Ends() {
    if (peer >= 0) ::close(peer);
  }
  void send(std::string_view bytes) {
    REQUIRE(::send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
  }
  void close() { ::close(std::exchange(peer, -1)); }
};

Ends tcp_ends(asio::io_context& io) {
  TcpAcceptor acceptor(io.get_executor(), {asio::ip::address_v4::loopback(), 0});
  TcpSocket left(io.get_executor());
  left.connect(acceptor.local_endpoint());
  TcpSocket right(io.get_executor());
  acceptor.accept(right);
  return {std::make_unique<TcpStream>(std::move(left)), right.release()};
}
Ends unix_ends(asio::io_context& io) {
  auto [left, right] = test::socket_pair(io);
  return {std::make_unique<UnixStream>(std::move(left)), right.release()};
}
using MakeEnds = Ends (*)(asio::io_context&);

enum class Last { kClose, kReset };
void finish(Ends& ends, Last last) {
  if (last == Last::kReset) {
    const linger hard{1, 0};
    REQUIRE(::setsockopt(ends.peer, SOL_SOCKET, SO_LINGER, &hard, sizeof hard) == 0);
  }
  ends.close();
}

Task<void> read_all(Stream& stream, std::size_t piece, std::string& text, bool& ended) {
  std::string buffer(piece, '\0');
  for (;;) {
    const auto got = co_await stream.read_some(buffer);
    if (!got || *got == 0) break;
    text.append(buffer, 0, *got);
  }
  ended = true;
}

Task<void> count_turns(bool& stop, std::size_t& turns) {
  while (!stop) {
    ++turns;
    co_await yield_now();
  }
}

}  // namespace

TEST_CASE("socket reader: an end that comes together with bytes is seen") {
  const MakeEnds make = GENERATE(&tcp_ends, &unix_ends);
  const Last last = GENERATE(Last::kClose, Last::kReset);
  const std::size_t piece = GENERATE(1, 3, 4, 5, 4096);
  asio::io_context io;
  Ends ends = make(io);
  test::run(io, [](Executor executor, Ends& all, Last how, std::size_t bytes) -> Task<void> {
    TaskGroup group(executor);
    std::string text;
    bool ended = false;
    group.spawn("reader", read_all(*all.stream, bytes, text, ended));
    co_await yield_now();
    for (int i = 0; i < 3; ++i) {
      all.send("abcd");
      co_await sleep_for(2ms);
    }
    all.send("last");
    finish(all, how);
    co_await group.join();
    CHECK(ended);
    if (how == Last::kClose) CHECK(text == "abcdabcdabcdlast");
  }(io.get_executor(), ends, last, piece));
}

TEST_CASE("socket reader: a TCP peer that shuts down its sending side is at its end") {
  asio::io_context io;
  Ends ends = tcp_ends(io);
  test::run(io, [](Executor executor, Ends& all) -> Task<void> {
    TaskGroup group(executor);
    std::string text;
    bool ended = false;
    group.spawn("reader", read_all(*all.stream, 4096, text, ended));
    co_await yield_now();
    all.send("only");
    REQUIRE(::shutdown(all.peer, SHUT_WR) == 0);
    co_await group.join();
    CHECK(text == "only");
  }(io.get_executor(), ends));
}

TEST_CASE("socket reader: bytes reported while nobody read are found") {
  const MakeEnds make = GENERATE(&tcp_ends, &unix_ends);
  asio::io_context io;
  Ends ends = make(io);
  test::run(io, [](Ends& all) -> Task<void> {
    Signal signal;
    std::array<char, 64> buffer;
    for (int i = 0; i < 5; ++i) {
      all.send("one");
      co_await sleep_for(2ms);  // the report comes and goes
      CHECK((co_await all.stream->wait_input(signal, 5s)) == Wake::kInput);
      CHECK((co_await all.stream->read_some(buffer)) == 3U);
      CHECK((co_await all.stream->wait_input(signal, 3ms)) == Wake::kTimeout);
      all.send("four");
      CHECK((co_await all.stream->read_some(buffer)) == 4U);
      const auto input = co_await all.stream->wait_input(signal, 3ms);
      CHECK(input == Wake::kTimeout);
    }
  }(ends));
}

TEST_CASE("socket reader: a place is asked for only when there is something to put there") {
  const MakeEnds make = GENERATE(&tcp_ends, &unix_ends);
  asio::io_context io;
  Ends ends = make(io);
  test::run(io, [](Executor executor, Ends& all) -> Task<void> {
    Signal signal;
    std::array<char, 64> buffer;
    unsigned asked = 0;
    std::optional<Result<Input>> input;
    const std::function<std::span<char>()> place = [&]() -> std::span<char> {
      ++asked;
      return buffer;
    };
    const auto once = [](Stream& on, Signal& heard, const std::function<std::span<char>()>& where,
                         std::optional<Result<Input>>& outcome) -> Task<void> {
      outcome = co_await on.read_input(heard, where);
    };
    REQUIRE(co_await all.stream->write("x"));
    TaskGroup group(executor);
    group.spawn("reader", once(*all.stream, signal, place, input));
    co_await sleep_for(2ms);
    const unsigned before = asked;
    CHECK_FALSE(input);
    all.send("hello");
    co_await group.join();
    CHECK(asked == before + 1);
    REQUIRE((input && *input));
    CHECK((*input)->count == 5);
    group.spawn("reader", once(*all.stream, signal, place, input));
    co_await yield_now();
    signal.notify();
    co_await group.join();
    CHECK((*input)->wake == Wake::kSignal);
  }(io.get_executor(), ends));
}

TEST_CASE("socket reader: a peer that never stops leaves others their turn") {
  asio::io_context io;
  Ends ends = unix_ends(io);
  test::run(io, [](Executor executor, Ends& all) -> Task<void> {
    constexpr std::size_t kBytes = 64 * 1024;
    all.send(std::string(kBytes, 'x'));
    TaskGroup group(executor);
    std::string text;
    bool ended = false;
    bool stop = false;
    std::size_t turns = 0;
    group.spawn("counter", count_turns(stop, turns));
    group.spawn("reader", read_all(*all.stream, 64, text, ended));
    while (text.size() < kBytes) co_await yield_now();
    CHECK(turns > kBytes / 64 / 32);
    stop = true;
    all.close();
    co_await group.join();
  }(io.get_executor(), ends));
}
