#include "server/health/prober.h"

#include <asio/ip/address_v4.hpp>
#include <catch2/catch.hpp>

#include "base/text.h"
#include "server/child/health.pb.h"
#include "tests/unit/base/run.h"

namespace hauspost::health {

namespace {

namespace wire = child::wire;

// A server of one connection that speaks by a script: "S: " it says, "C: " it hears a line that
// begins so, "?" in it stands for any rest. At the end it closes, or with "hang" waits.
class Scripted {
 public:
  Scripted(asio::io_context& io, std::vector<std::string> script)
      : acceptor_(io.get_executor(), asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        script_(std::move(script)) {}
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  Task<void> serve() {
    TcpSocket socket(co_await asio::this_coro::executor);
    std::error_code code;
    co_await acceptor_.async_accept(socket, asio::redirect_error(kUseTask, code));
    if (code) co_return;
    TcpStream stream(std::move(socket));
    for (const std::string& line : script_) {
      if (line == "hang") {
        std::array<char, 1> byte{};
        [[maybe_unused]] auto end = co_await stream.read_some(byte);
        co_return;
      }
      if (line.starts_with("S: ")) {
        [[maybe_unused]] auto said = co_await stream.write(line.substr(3) + "\r\n");
        continue;
      }
      heard.push_back(co_await hear(stream));
    }
  }
  std::vector<std::string> heard;  // at each "C:", what came

 private:
  // What has come until the client waits for an answer: one line, or all up to a line of ".".
  Task<std::string> hear(TcpStream& stream) {
    std::array<char, 4096> bytes{};
    const auto count = co_await stream.read_some(bytes);
    co_return count ? std::string(bytes.data(), *count) : std::string();
  }

  TcpAcceptor acceptor_;
  std::vector<std::string> script_;
};

wire::HealthResult try_it(wire::HealthKind kind, std::vector<std::string> script,
                          std::vector<std::string>* heard = nullptr,
                          std::chrono::milliseconds timeout = std::chrono::seconds(10)) {
  asio::io_context io(1);
  Scripted server(io, std::move(script));
  wire::HealthOrder order;
  order.set_kind(kind);
  order.set_target("DB1");
  order.mutable_door()->set_service("smtp");
  order.mutable_door()->set_address("127.0.0.1");
  order.mutable_door()->set_port(server.port());
  order.set_user("health-1@hauspost.internal");
  order.set_recipient("token@hauspost.internal");
  const auto tls = tls::TlsContext::client({});
  REQUIRE(tls);
  const Means means{
      .tls = *tls, .fingerprints = {}, .hostname = "mail.example.org", .password = "secret"};
  wire::HealthResult result;
  test::run(io,
            [](Scripted& peer, const Means& with, std::chrono::milliseconds patience,
               const wire::HealthOrder& what, wire::HealthResult& out) -> Task<void> {
              TaskGroup group(co_await asio::this_coro::executor);
              group.spawn("server", peer.serve());
              co_await run_probe(with, patience, what, out);
              group.stop();
              co_await group.join();
            }(server, means, timeout, order, result));
  if (heard != nullptr) *heard = server.heard;
  return result;
}

std::string last_step(const wire::HealthResult& result) {
  return result.steps_size() == 0 ? std::string() : result.steps(result.steps_size() - 1).name();
}

}  // namespace

TEST_CASE("health probe: a listener that greets is well, whatever it speaks") {
  for (const char* const greeting : {"220 mail.example.org ESMTP", "* OK ready", "+OK ready",
                                     "* ok [CAPABILITY IMAP4rev1] hi"}) {
    const auto result = try_it(wire::HEALTH_KIND_LISTENER, {std::string("S: ") + greeting});
    INFO(greeting << ": " << result.text());
    CHECK(result.outcome() == wire::HEALTH_OUTCOME_GOOD);
    CHECK(result.last_line() == greeting);
    CHECK(last_step(result) == "greeting");
  }
}

TEST_CASE("health probe: who is busy is not ill") {
  for (const char* const greeting :
       {"421 4.3.2 Too many connections", "* BYE too many connections", "-ERR [SYS/TEMP] busy"}) {
    const auto result = try_it(wire::HEALTH_KIND_LISTENER, {std::string("S: ") + greeting});
    INFO(greeting);
    CHECK(result.outcome() == wire::HEALTH_OUTCOME_SKIPPED);
  }
}

TEST_CASE("health probe: what says nothing fails when its time is over, and has not answered") {
  const auto result =
      try_it(wire::HEALTH_KIND_LISTENER, {"hang"}, nullptr, std::chrono::milliseconds(150));
  CHECK(result.outcome() == wire::HEALTH_OUTCOME_FAILED);
  CHECK_FALSE(result.answered());
  CHECK(last_step(result) == "greeting");
  CHECK(result.text() == "no end within 150 ms");
}

TEST_CASE("health probe: a closed connection and a wrong greeting fail") {
  CHECK(try_it(wire::HEALTH_KIND_LISTENER, {}).outcome() == wire::HEALTH_OUTCOME_FAILED);
  CHECK(try_it(wire::HEALTH_KIND_LISTENER, {"S: hello"}).outcome() == wire::HEALTH_OUTCOME_FAILED);
}

TEST_CASE("health probe: SMTP names the recipient and takes it back") {
  std::vector<std::string> heard;
  const auto result =
      try_it(wire::HEALTH_KIND_SMTP,
             {"S: 220 ready", "C:", "S: 250-mail.example.org", "S: 250 SIZE", "C:", "S: 250 OK",
              "C:", "S: 250 OK", "C:", "S: 250 OK", "C:", "S: 221 bye"},
             &heard);
  INFO(result.text());
  CHECK(result.outcome() == wire::HEALTH_OUTCOME_GOOD);
  CHECK(heard == std::vector<std::string>{"EHLO [127.0.0.1]\r\n", "MAIL FROM:<>\r\n",
                                          "RCPT TO:<token@hauspost.internal>\r\n", "RSET\r\n",
                                          "QUIT\r\n"});
}

TEST_CASE("health probe: a refusal by rule tells nothing, another is a fault that answers") {
  const auto refused_with = [](const std::string& reply) {
    return try_it(wire::HEALTH_KIND_SMTP, {"S: 220 ready", "C:", "S: 250 SIZE", "C:", "S: 250 OK",
                                           "C:", "S: " + reply, "hang"});
  };
  CHECK(refused_with("550 5.7.1 not from you").outcome() == wire::HEALTH_OUTCOME_SKIPPED);
  CHECK(refused_with("451 4.7.1 greylisted").outcome() == wire::HEALTH_OUTCOME_SKIPPED);
  const auto failed = refused_with("451 4.3.0 not now");
  CHECK(failed.outcome() == wire::HEALTH_OUTCOME_FAILED);
  CHECK(failed.answered());
  CHECK(failed.last_line() == "451 4.3.0 not now");
  CHECK(last_step(failed) == "recipient");
}

TEST_CASE("health probe: POP3 without TLS is not logged in to") {
  std::vector<std::string> heard;
  const auto result =
      try_it(wire::HEALTH_KIND_POP3, {"S: +OK ready", "C:", "S: -ERR no TLS"}, &heard);
  CHECK(result.outcome() == wire::HEALTH_OUTCOME_FAILED);
  CHECK(heard == std::vector<std::string>{"STLS\r\n"});
}

TEST_CASE("health probe: an HTTP answer of any kind but 5xx is well") {
  const auto answered = [](const std::string& status) {
    return try_it(wire::HEALTH_KIND_WEB, {"C:", "S: " + status}).outcome();
  };
  CHECK(answered("HTTP/1.1 301 Moved Permanently") == wire::HEALTH_OUTCOME_GOOD);
  CHECK(answered("HTTP/1.1 404 Not Found") == wire::HEALTH_OUTCOME_GOOD);
  CHECK(answered("HTTP/1.1 503 Service Unavailable") == wire::HEALTH_OUTCOME_FAILED);
  CHECK(answered("SSH-2.0") == wire::HEALTH_OUTCOME_FAILED);
}

TEST_CASE("health probe: after one without end the others of its target are not tried") {
  asio::io_context io(1);
  Scripted silent(io, {"hang"});
  wire::HealthProbeRequest request;
  request.set_timeout_ms(150);
  for (const char* const target : {"DB1", "DB1", "DB2"}) {
    wire::HealthOrder* order = request.add_orders();
    order->set_kind(wire::HEALTH_KIND_LISTENER);
    order->set_target(target);
    order->mutable_door()->set_service("imap");
    order->mutable_door()->set_address("127.0.0.1");
    order->mutable_door()->set_port(silent.port());
  }
  const auto tls = tls::TlsContext::client({});
  REQUIRE(tls);
  wire::HealthProbeReply reply;
  test::run(io,
            [](const tls::TlsContext& with, const wire::HealthProbeRequest& what,
               wire::HealthProbeReply& out) -> Task<void> {
              auto answer = co_await run_probes(with, what);
              REQUIRE(answer);
              out = *answer;
            }(*tls, request, reply));
  REQUIRE(reply.results_size() == 3);
  CHECK(reply.results(0).outcome() == wire::HEALTH_OUTCOME_FAILED);
  CHECK(reply.results(1).outcome() == wire::HEALTH_OUTCOME_SKIPPED);
  CHECK(reply.results(2).outcome() == wire::HEALTH_OUTCOME_FAILED);
}

}  // namespace hauspost::health
