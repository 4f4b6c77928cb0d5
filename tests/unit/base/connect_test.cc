#include <catch2/catch.hpp>

#include <filesystem>

#include "base/ids.h"
#include "base/link/frame.h"
#include "run.h"

using namespace hauspost;
using namespace hauspost::link;
using namespace std::chrono_literals;

namespace {

struct Listener {
  Listener(asio::io_context& io, int backlog)
      : path(std::filesystem::temp_directory_path() / ("hp-" + Guid::random().to_string())),
        acceptor(io.get_executor()) {
    acceptor.open(asio::local::stream_protocol());
    acceptor.bind(asio::local::stream_protocol::endpoint(path.string()));
    acceptor.listen(backlog);
  }
  ~Listener() { std::filesystem::remove(path); }

  std::filesystem::path path;
  UnixAcceptor acceptor;
};

Task<void> connect_and_greet(std::string path, bool& greeted) {
  auto socket = co_await connect_unix(std::move(path));
  if (!socket) FAIL(socket.error().text);
  FrameSocket frames(std::move(*socket), 100);
  greeted = (co_await frames.write(FrameType::kData, "hello")).has_value();
}

}  // namespace

TEST_CASE("connect: a full backlog is waited for, not taken for a connection") {
  asio::io_context io;
  Listener listener(io, 0);
  test::run(io, [](Executor executor, Listener& server) -> Task<void> {
    auto first = co_await connect_unix(server.path.string());  // fills the backlog
    REQUIRE(first);
    TaskGroup group(executor);
    bool greeted = false;
    group.spawn("second", connect_and_greet(server.path.string(), greeted));
    REQUIRE_FALSE(!co_await sleep_for(20ms));
    CHECK(group.size() == 1);
    CHECK_FALSE(greeted);
    UnixSocket accepted(executor);
    server.acceptor.accept(accepted);
    co_await group.join();
    CHECK(greeted);
  }(io.get_executor(), listener));
}
