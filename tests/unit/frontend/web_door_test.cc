#include <array>

#include "tests/unit/frontend/harness.h"

namespace hauspost::frontend::test_support {
namespace {

constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

ClientFacts web_facts(bool tls) {
  ClientFacts facts = imap_facts();
  facts.protocol = link::Protocol::kHttp;
  facts.listener = tls ? "https" : "http";
  facts.tls = tls;
  facts.server_name = tls ? "autoconfig.example.org" : "";
  return facts;
}

Task<void> answer_once(std::unique_ptr<link::FrameSocket> link, link::SessionStart) {
  link::LinkStream stream(std::move(link));
  std::array<char, 512> buffer;
  REQUIRE(co_await stream.read_some(buffer));
  REQUIRE(co_await stream.write(kAnswer));
  co_await stream.end_in_order();
}

// Reads what the client said and dies without a word.
Task<void> die(std::unique_ptr<link::FrameSocket> link, link::SessionStart) {
  link::LinkStream stream(std::move(link));
  std::array<char, 512> buffer;
  REQUIRE(co_await stream.read_some(buffer));
  stream.close();
}

// What a client gets between two requests when the back-end dies there: the end and nothing else.
Task<void> answer_and_die(std::unique_ptr<link::FrameSocket> link, link::SessionStart) {
  link::LinkStream stream(std::move(link));
  std::array<char, 512> buffer;
  REQUIRE(co_await stream.read_some(buffer));
  REQUIRE(co_await stream.write(kAnswer));
  stream.close();
}

constexpr char kUnavailable[] = R"(
  S: HTTP/1.1 503 Service Unavailable
  S: Content-Length: 0
  S: Retry-After: 60
  S: Connection: close
)";

}  // namespace

TEST_CASE("front-end web: nobody logs in, the first byte opens the back-end") {
  Harness harness(web_facts(true));
  harness.backends.behaviour = answer_once;
  harness.dialogue(R"(
    C: GET / HTTP/1.1
    S: HTTP/1.1 200 OK
    S: Content-Length: 0
  )");
  REQUIRE(harness.backends.starts.size() == 1);
  const link::SessionStart& start = harness.backends.starts.front();
  CHECK(start.protocol == link::Protocol::kHttp);
  CHECK(start.listener == "https");
  CHECK(start.tls);
  CHECK(start.server_name == "autoconfig.example.org");
  CHECK(start.client_address == "192.0.2.7");
  CHECK_FALSE(start.mailbox);
  CHECK(harness.authenticator.attempts.empty());
}

TEST_CASE("front-end web: a client that says nothing costs no back-end") {
  Harness harness(web_facts(false));
  harness.services.limits.web_first_byte = std::chrono::milliseconds(20);
  harness.dialogue("END");
  CHECK(harness.backends.starts.empty());
}

TEST_CASE("front-end web: a back-end that is away, or dies before it has answered") {
  Harness away(web_facts(true));
  away.backends.refusal = ErrorCode::kUnavailable;
  away.dialogue(std::string("C: GET / HTTP/1.1\n") + kUnavailable);
  Harness dies(web_facts(true));
  dies.backends.behaviour = die;
  dies.dialogue(std::string("C: GET / HTTP/1.1\n") + kUnavailable);
  Harness later(web_facts(true));
  later.backends.behaviour = answer_and_die;
  later.dialogue(R"(
    C: GET / HTTP/1.1
    S: HTTP/1.1 200 OK
    S: Content-Length: 0
    S: ...
    END
  )");
}

TEST_CASE("front-end web: while it drains, clients are told so") {
  Harness harness(web_facts(false));
  harness.services.draining = true;
  harness.dialogue(kUnavailable);
  CHECK(harness.backends.starts.empty());
}

}  // namespace hauspost::frontend::test_support
