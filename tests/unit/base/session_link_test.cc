#include "base/link/session_link.h"

#include <catch2/catch.hpp>

#include "base/link/session_start.pb.h"
#include "base/signal.h"
#include "run.h"

using namespace hauspost;
using namespace hauspost::link;
using namespace std::chrono_literals;

namespace {

SessionStart sample() {
  SessionStart start;
  start.session = Guid::random();
  start.protocol = Protocol::kSmtp;
  start.client_address = "2001:db8::1";
  start.client_port = 65535;
  start.tls = true;
  start.tls_version = "TLSv1.3";
  start.tls_cipher = "TLS_AES_128_GCM_SHA256";
  start.user = "alice@example.test";
  start.mailbox = Guid::random();
  start.database = "DB1";
  start.epoch = UINT64_MAX;
  start.device_id = "phone";
  start.listener = "submission";
  start.client_tag = "A1";
  start.hello = "client.example.test";
  start.extended = true;
  return start;
}

void check_same(const SessionStart& a, const SessionStart& b) {
  CHECK(a.session == b.session);
  CHECK(a.protocol == b.protocol);
  CHECK(a.client_address == b.client_address);
  CHECK(a.client_port == b.client_port);
  CHECK(a.tls == b.tls);
  CHECK(a.tls_version == b.tls_version);
  CHECK(a.tls_cipher == b.tls_cipher);
  CHECK(a.user == b.user);
  CHECK(a.mailbox == b.mailbox);
  CHECK(a.database == b.database);
  CHECK(a.epoch == b.epoch);
  CHECK(a.device_id == b.device_id);
  CHECK(a.listener == b.listener);
  CHECK(a.client_tag == b.client_tag);
  CHECK(a.hello == b.hello);
  CHECK(a.extended == b.extended);
}

std::optional<ErrorCode> code_of(const wire::SessionStart& message) {
  auto start = session_start_from_wire(message.SerializeAsString());
  return start ? std::optional<ErrorCode>() : start.error().code;
}

wire::SessionStart sample_message() {
  wire::SessionStart message;
  REQUIRE(message.ParseFromString(to_wire(sample())));
  return message;
}

struct Ends {
  std::unique_ptr<FrameSocket> front;
  std::unique_ptr<FrameSocket> back;
};
Ends make_ends(asio::io_context& io) {
  auto [left, right] = test::socket_pair(io);
  return {std::make_unique<FrameSocket>(std::move(left), kSessionPayloadMax),
          std::make_unique<FrameSocket>(std::move(right), kSessionPayloadMax)};
}

Task<void> start_and_note(FrameSocket& frames, SessionStart start,
                          std::optional<Result<>>& outcome) {
  outcome = co_await start_session(frames, start);
}

}  // namespace

TEST_CASE("session link: SessionStart survives the wire") {
  const SessionStart sent = sample();
  auto received = session_start_from_wire(to_wire(sent));
  REQUIRE(received);
  check_same(*received, sent);

  SessionStart anonymous;
  anonymous.session = Guid::random();
  received = session_start_from_wire(to_wire(anonymous));
  REQUIRE(received);
  check_same(*received, anonymous);
  CHECK_FALSE(received->mailbox);
}

TEST_CASE("session link: a SessionStart that breaks a rule is refused") {
  CHECK_FALSE(code_of(sample_message()));
  auto message = sample_message();
  message.set_link_version(2);
  CHECK(code_of(message) == ErrorCode::kInvalid);
  message = sample_message();
  message.set_session_id("short");
  CHECK(code_of(message) == ErrorCode::kCorrupt);
  message = sample_message();
  message.set_protocol(wire::PROTOCOL_UNSPECIFIED);
  CHECK(code_of(message) == ErrorCode::kCorrupt);
  message = sample_message();
  message.set_mailbox("fifteen bytes..");
  CHECK(code_of(message) == ErrorCode::kCorrupt);
  message = sample_message();
  message.set_client_port(65536);
  CHECK(code_of(message) == ErrorCode::kCorrupt);
  message = sample_message();
  message.set_client_address(std::string(65, '1'));
  CHECK(code_of(message) == ErrorCode::kCorrupt);
  message = sample_message();
  message.set_device_id(std::string(129, 'd'));
  CHECK(code_of(message) == ErrorCode::kCorrupt);
  CHECK_FALSE(session_start_from_wire("\xff\xff\xff"));
  CHECK_FALSE(session_start_from_wire(""));
}

TEST_CASE("session link: every refusal keeps its code and text") {
  for (const ErrorCode code :
       {ErrorCode::kUnavailable, ErrorCode::kExhausted, ErrorCode::kDenied, ErrorCode::kNotFound}) {
    auto back = session_refused_from_wire(to_wire(SessionRefused{code, "why"}));
    REQUIRE(back);
    CHECK(back->code == code);
    CHECK(back->text == "why");
  }
  auto other = session_refused_from_wire(to_wire(SessionRefused{ErrorCode::kInternal, "why"}));
  REQUIRE(other);
  CHECK(other->code == ErrorCode::kUnavailable);
  CHECK_FALSE(session_refused_from_wire("\x0a\x03odd"));
}

TEST_CASE("session link: start, accept, bytes both ways, end in order") {
  asio::io_context io;
  auto ends = make_ends(io);
  test::run(io, [](Executor executor, Ends& link) -> Task<void> {
    TaskGroup group(executor);
    std::optional<Result<>> started;
    const SessionStart sent = sample();
    group.spawn("front", start_and_note(*link.front, sent, started));
    auto received = co_await accept_session(*link.back);
    REQUIRE(received);
    check_same(*received, sent);
    REQUIRE(co_await accept(*link.back));
    co_await group.join();
    REQUIRE((started && *started));

    LinkStream stream(std::move(link.back));
    REQUIRE(co_await link.front->write(FrameType::kData, "A1 NOOP\r\n"));
    std::array<char, 64> buffer;
    CHECK((co_await stream.read_some(buffer)) == 9U);
    CHECK(std::string(buffer.data(), 9) == "A1 NOOP\r\n");
    REQUIRE(co_await stream.write("A1 OK\r\n"));
    auto reply = co_await link.front->read_data(buffer);
    CHECK((reply && std::string(buffer.data(), reply->count) == "A1 OK\r\n"));

    co_await stream.end_in_order();
    auto end = co_await link.front->read_data(buffer);
    REQUIRE((end && end->control));
    CHECK(end->control->type == FrameType::kClose);
  }(io.get_executor(), ends));
}

TEST_CASE("session link: a refusal reaches the front-end with its code") {
  asio::io_context io;
  auto ends = make_ends(io);
  test::run(io, [](Executor executor, Ends& link) -> Task<void> {
    TaskGroup group(executor);
    std::optional<Result<>> started;
    group.spawn("front", start_and_note(*link.front, sample(), started));
    REQUIRE(co_await accept_session(*link.back));
    REQUIRE(co_await refuse(*link.back, {ErrorCode::kExhausted, "40 sessions"}));
    co_await group.join();
    REQUIRE((started && !*started));
    CHECK(started->error().code == ErrorCode::kExhausted);
    CHECK(started->error().text == "40 sessions");
  }(io.get_executor(), ends));
}

TEST_CASE("session link: CLOSE reads as the end, a lost link as kUnavailable") {
  asio::io_context io;
  auto ends = make_ends(io);
  test::run(io, [](Ends& link) -> Task<void> {
    LinkStream stream(std::move(link.back));
    std::array<char, 64> buffer;
    Signal signal;
    REQUIRE(co_await link.front->write(FrameType::kData, "last"));
    REQUIRE(co_await link.front->write(FrameType::kClose, ""));
    CHECK((co_await stream.read_some(buffer)) == 4U);
    CHECK((co_await stream.read_some(buffer)) == 0U);
    CHECK((co_await stream.read_some(buffer)) == 0U);
    CHECK((co_await stream.wait_input(signal, 1h)) == Wake::kInput);
  }(ends));
  auto lost = make_ends(io);
  test::run(io, [](Ends& link) -> Task<void> {
    LinkStream stream(std::move(link.back));
    link.front->close();
    std::array<char, 64> buffer;
    auto read = co_await stream.read_some(buffer);
    CHECK((!read && read.error().code == ErrorCode::kUnavailable));
  }(lost));
}

TEST_CASE("session link: the wrong frame at the wrong time is kCorrupt") {
  asio::io_context io;
  auto ends = make_ends(io);
  test::run(io, [](Executor executor, Ends& link) -> Task<void> {
    REQUIRE(co_await link.front->write(FrameType::kData, "no start"));
    auto first = co_await accept_session(*link.back);
    CHECK((!first && first.error().code == ErrorCode::kCorrupt));

    TaskGroup group(executor);
    std::optional<Result<>> started;
    group.spawn("front", start_and_note(*link.front, sample(), started));
    REQUIRE(co_await link.back->read());
    REQUIRE(co_await link.back->write(FrameType::kClose, ""));
    co_await group.join();
    CHECK((started && !*started && started->error().code == ErrorCode::kCorrupt));

    LinkStream stream(std::move(link.back));
    REQUIRE(co_await link.front->write(FrameType::kReferral, ""));
    std::array<char, 64> buffer;
    auto read = co_await stream.read_some(buffer);
    CHECK((!read && read.error().code == ErrorCode::kCorrupt));
  }(io.get_executor(), ends));
}
