#include "base/link/frame.h"

#include <catch2/catch.hpp>

#include "base/bytes.h"
#include "base/random.h"
#include "base/signal.h"
#include "run.h"

using namespace hauspost;
using namespace hauspost::link;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kSmallMax = 1000;

std::string frame_bytes(FrameType type, std::string_view payload) {
  std::string out;
  put_frame_header(out, {type, static_cast<std::uint32_t>(payload.size())});
  out += payload;
  return out;
}

// The rule of the plain socket calls below: everything fits the socket's buffer.
void push(UnixSocket& socket, std::string_view bytes) {
  REQUIRE(::send(socket.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(bytes.size()));
}

Task<void> push_bytewise(UnixSocket& socket, std::string bytes) {
  for (const char c : bytes) {
    push(socket, {&c, 1});
    co_await yield_now();
  }
}

Task<void> expect_frames(FrameSocket& frames, std::vector<Frame> expected) {
  for (const Frame& wanted : expected) {
    auto got = co_await frames.read();
    REQUIRE(got);
    CHECK(got->type == wanted.type);
    CHECK(got->payload == wanted.payload);
  }
}

std::vector<Frame> sample_frames() {
  return {{FrameType::kSessionStart, "start"},
          {FrameType::kData, std::string(kSmallMax, 'd')},
          {FrameType::kClose, ""},
          {FrameType::kData, ""},
          {FrameType::kReply, std::string("\0\1\2", 3)}};
}
std::string wire_of(const std::vector<Frame>& frames) {
  std::string bytes;
  for (const Frame& frame : frames) bytes += frame_bytes(frame.type, frame.payload);
  return bytes;
}

}  // namespace

TEST_CASE("frame: header prints and parses") {
  std::string header;
  put_frame_header(header, {FrameType::kReply, 0x01020304});
  CHECK(header == std::string("\x04\x03\x02\x01\x09\0\0\0", 8));
  const auto parsed = parse_frame_header(header, SIZE_MAX);
  REQUIRE(parsed);
  CHECK(parsed->type == FrameType::kReply);
  CHECK(parsed->length == 0x01020304);
}

TEST_CASE("frame: a bad header is kCorrupt") {
  const auto code_of = [](std::string_view bytes) {
    const auto parsed = parse_frame_header(bytes, kSmallMax);
    return parsed ? std::optional<ErrorCode>() : parsed.error().code;
  };
  CHECK_FALSE(code_of(std::string_view("\xe8\x03\0\0\x04\0\0\0", 8)));
  CHECK(code_of(std::string_view("\xe9\x03\0\0\x04\0\0\0", 8)) == ErrorCode::kCorrupt);
  CHECK(code_of(std::string_view("\xff\xff\xff\xff\x04\0\0\0", 8)) == ErrorCode::kCorrupt);
  CHECK(code_of(std::string_view("\0\0\0\0\0\0\0\0", 8)) == ErrorCode::kCorrupt);
  CHECK(code_of(std::string_view("\0\0\0\0\x0a\0\0\0", 8)) == ErrorCode::kCorrupt);
  CHECK(code_of(std::string_view("\0\0\0\0\x04\x01\0\0", 8)) == ErrorCode::kCorrupt);
  CHECK(code_of(std::string_view("\0\0\0\0\x04\0\0\x01", 8)) == ErrorCode::kCorrupt);
}

TEST_CASE("frame: frames arrive alike whole and byte by byte") {
  const bool bytewise = GENERATE(false, true);
  asio::io_context io;
  auto [near, far] = test::socket_pair(io);
  FrameSocket frames(std::move(near), kSmallMax);
  test::run(
      io,
      [](Executor executor, FrameSocket& reader, UnixSocket& writer, bool slowly) -> Task<void> {
        TaskGroup group(executor);
        const std::string bytes = wire_of(sample_frames());
        if (slowly) group.spawn("bytes", push_bytewise(writer, bytes));
        if (!slowly) push(writer, bytes);
        co_await expect_frames(reader, sample_frames());
        CHECK_FALSE(reader.has_buffered_input());
        co_await group.join();
        writer.close();
        auto end = co_await reader.read();
        REQUIRE_FALSE(end);
        CHECK(end.error().code == ErrorCode::kUnavailable);
        CHECK(end.error().text.find("connection closed") != std::string::npos);
      }(io.get_executor(), frames, far, bytewise));
}

TEST_CASE("frame: a connection cut inside a frame is kUnavailable, at any byte") {
  asio::io_context io;
  const std::string bytes = frame_bytes(FrameType::kRequest, "payload");
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    auto [near, far] = test::socket_pair(io);
    FrameSocket frames(std::move(near), kSmallMax);
    push(far, std::string_view(bytes).substr(0, cut));
    far.close();
    test::run(io, [](FrameSocket& reader) -> Task<void> {
      auto end = co_await reader.read();
      REQUIRE_FALSE(end);
      CHECK(end.error().code == ErrorCode::kUnavailable);
    }(frames));
  }
}

TEST_CASE("frame: data is given out in pieces, control frames between them stay in order") {
  const bool bytewise = GENERATE(false, true);
  const std::size_t window = GENERATE(1, 7, 4096);
  asio::io_context io;
  auto [near, far] = test::socket_pair(io);
  FrameSocket frames(std::move(near), kSmallMax);
  test::run(io,
            [](Executor executor, FrameSocket& reader, UnixSocket& writer, bool slowly,
               std::size_t size) -> Task<void> {
              TaskGroup group(executor);
              const std::string bytes = wire_of({{FrameType::kData, "one"},
                                                 {FrameType::kData, ""},
                                                 {FrameType::kData, "twothree"},
                                                 {FrameType::kClose, ""},
                                                 {FrameType::kData, "four"}});
              if (slowly) group.spawn("bytes", push_bytewise(writer, bytes));
              if (!slowly) push(writer, bytes);
              std::string text;
              std::string buffer(size, '\0');
              while (text.size() < 16) {
                auto piece = co_await reader.read_data(buffer);
                REQUIRE(piece);
                CHECK(piece->count <= size);
                text.append(buffer, 0, piece->count);
                if (piece->control) {
                  CHECK(piece->count == 0);
                  text += piece->control->type == FrameType::kClose ? "|" : "?";
                }
              }
              CHECK(text == "onetwothree|four");
              co_await group.join();
            }(io.get_executor(), frames, far, bytewise, window));
}

TEST_CASE("frame: data over the limit is split, anything else over it is refused") {
  asio::io_context io;
  auto [near, far] = test::socket_pair(io);
  FrameSocket left(std::move(near), kSmallMax);
  FrameSocket right(std::move(far), kSmallMax);
  test::run(io, [](FrameSocket& writer, FrameSocket& reader) -> Task<void> {
    std::string sent(2 * kSmallMax + 17, '\0');
    random_bytes({reinterpret_cast<std::uint8_t*>(sent.data()), sent.size()});
    const std::string_view parts[] = {std::string_view(sent).substr(0, 1500),
                                      std::string_view(sent).substr(1500)};
    REQUIRE(co_await writer.write(FrameType::kData, std::span<const std::string_view>(parts)));
    std::string received;
    while (received.size() < sent.size()) {
      auto frame = co_await reader.read();
      REQUIRE(frame);
      CHECK(frame->type == FrameType::kData);
      received += frame->payload;
    }
    CHECK(received == sent);
    auto refused = co_await writer.write(FrameType::kRequest, sent);
    CHECK((!refused && refused.error().code == ErrorCode::kInvalid));
  }(left, right));
}

TEST_CASE("frame: reads and writes keep their time-out") {
  asio::io_context io;
  auto [near, far] = test::socket_pair(io);
  FrameSocket frames(std::move(near), kRpcPayloadMax);
  test::run(io, [](FrameSocket& link) -> Task<void> {
    link.set_timeout(20ms);
    auto read = co_await link.read();
    CHECK((!read && read.error().code == ErrorCode::kTimeout));
    auto written = co_await link.write(FrameType::kRequest, std::string(64 << 20, 'x'));
    CHECK((!written && written.error().code == ErrorCode::kTimeout));
  }(frames));
}

TEST_CASE("frame: waiting sees buffered frames, signals and silence") {
  asio::io_context io;
  auto [near, far] = test::socket_pair(io);
  FrameSocket frames(std::move(near), kSmallMax);
  test::run(io, [](FrameSocket& reader, UnixSocket& writer) -> Task<void> {
    Signal signal;
    CHECK((co_await reader.wait_input(signal, 5ms)) == Wake::kTimeout);
    push(writer, wire_of({{FrameType::kData, "a"}, {FrameType::kData, "b"}}));
    CHECK((co_await reader.wait_input(signal, 1h)) == Wake::kInput);
    co_await expect_frames(reader, {{FrameType::kData, "a"}});
    CHECK(reader.has_buffered_input());  // nothing is left in the socket
    CHECK((co_await reader.wait_input(signal, 1h)) == Wake::kInput);
    signal.notify();
    CHECK((co_await reader.wait_input(signal, 1h)) == Wake::kSignal);
    co_await expect_frames(reader, {{FrameType::kData, "b"}});
  }(frames, far));
}

TEST_CASE("frame: connecting where nobody listens, or to a name too long, is one clear error") {
  asio::io_context io;
  test::run(io, []() -> Task<void> {
    auto nobody = co_await connect_unix("/nonexistent/hauspost.sock");
    CHECK((!nobody && nobody.error().code == ErrorCode::kUnavailable));
    auto too_long = co_await connect_unix("/" + std::string(200, 'a'));
    CHECK((!too_long && too_long.error().code == ErrorCode::kInvalid));
  }());
}
