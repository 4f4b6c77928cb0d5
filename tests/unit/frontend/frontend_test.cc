#include "server/frontend/frontend.h"

#include <catch2/catch.hpp>

#include <fstream>

#include "base/text.h"
#include "base/tls/certificate.h"
#include "tests/unit/auth/fake_clock.h"
#include "tests/unit/frontend/harness.h"
#include "tests/unit/temp_folder.h"

namespace hauspost::frontend::test_support {
namespace {

// The whole front-end on loopback ports, with a certificate of its own.
struct Node {
  Node() {
    tls::SelfSignedRequest request;
    request.host_name = "mail.example.org";
    const auto certificate = tls::make_self_signed(request).value();
    std::ofstream(folder / "cert.pem") << certificate.certificate_pem;
    std::ofstream(folder / "key.pem") << certificate.key_pem.reveal();
    client_tls = tls::TlsContext::client(certificate.certificate_pem).value();
    backends.behaviour = imap_backend;
    settings.hostname = "mail.example.org";
    settings.certificate_file = folder / "cert.pem";
    settings.key_file = folder / "key.pem";
  }
  void start() {
    service = std::make_unique<Frontend>(io.get_executor(), settings, authenticator, backends);
    REQUIRE(service->load_certificate());
    for (const std::string name : {"imap", "imaps"}) {
      TcpAcceptor acceptor(io.get_executor(), {asio::ip::address_v4::loopback(), 0});
      ports[name] = acceptor.local_endpoint().port();
      REQUIRE(service->listen({name, name + "#1"}, acceptor.release()));
    }
  }
  TcpSocket connect(const std::string& listener) {
    TcpSocket socket(io.get_executor());
    socket.connect({asio::ip::address_v4::loopback(), ports.at(listener)});
    return socket;
  }

  test::TempFolder folder;
  asio::io_context io{1};
  FakeAuthenticator authenticator;
  FakeBackends backends{io};
  FrontendSettings settings;
  tls::TlsContext client_tls = tls::TlsContext::client("").value();
  std::map<std::string, std::uint16_t> ports;
  std::unique_ptr<Frontend> service;
};

Task<std::string> line_from(Stream& stream) {
  std::string line;
  char c = 0;
  while (!line.ends_with("\r\n")) {
    const auto got = co_await stream.read_some({&c, 1});
    if (!got || *got == 0) break;
    line += c;
  }
  co_return line;
}

Task<void> log_in(Stream& stream) {
  CHECK((co_await line_from(stream)).find("AUTH=PLAIN") != std::string::npos);
  REQUIRE(co_await stream.write("a LOGIN a@example.org secret\r\n"));
  CHECK(co_await line_from(stream) == "a OK Logged in\r\n");
}

}  // namespace

TEST_CASE("front-end: implicit TLS, login, echo, and BYE to idle clients at a stop") {
  Node node;
  node.start();
  test::run(node.io, [](Node& self) -> Task<void> {
    auto stream = co_await tls::TlsStream::connect(self.connect("imaps"), self.client_tls,
                                                   "mail.example.org", tls::kAlpnImap);
    REQUIRE(stream);
    co_await log_in(**stream);
    const std::string big(300'000, 'x');
    REQUIRE(co_await (*stream)->write(big + "\r\n"));
    CHECK(co_await line_from(**stream) == "* echo " + big + "\r\n");
    CHECK(self.backends.starts.at(0).tls_version == "TLSv1.3");
    TcpStream idle(self.connect("imap"));
    CHECK((co_await line_from(idle)).starts_with("* OK [CAPABILITY"));
    CHECK(self.service->sessions() == 2);
    co_await self.service->stop();
    CHECK((co_await line_from(**stream)).starts_with("* BYE [UNAVAILABLE]"));
    CHECK((co_await line_from(idle)).starts_with("* BYE [UNAVAILABLE]"));
    CHECK(self.service->sessions() == 0);
    co_await self.backends.join();
  }(node));
}

TEST_CASE("front-end: a listener closes while others and their sessions go on") {
  Node node;
  node.start();
  test::run(node.io, [](Node& self) -> Task<void> {
    auto kept = co_await tls::TlsStream::connect(self.connect("imaps"), self.client_tls,
                                                 "mail.example.org", tls::kAlpnImap);
    REQUIRE(kept);
    co_await log_in(**kept);
    TcpStream closed(self.connect("imap"));
    CHECK((co_await line_from(closed)).starts_with("* OK [CAPABILITY"));
    const std::vector<OpenListener> wanted = {{"imaps", "imaps#1"}};
    self.service->keep_listeners(wanted);
    CHECK_FALSE(self.service->listens("imap#1"));
    CHECK((co_await line_from(closed)).starts_with("* BYE [UNAVAILABLE]"));
    TcpSocket refused(self.io.get_executor());
    std::error_code code;
    refused.connect({asio::ip::address_v4::loopback(), self.ports.at("imap")}, code);
    CHECK(code == asio::error::connection_refused);
    REQUIRE(co_await (*kept)->write("still here\r\n"));
    CHECK(co_await line_from(**kept) == "* echo still here\r\n");

    TcpAcceptor again(self.io.get_executor(), {asio::ip::address_v4::loopback(), 0});
    self.ports["imap"] = again.local_endpoint().port();
    REQUIRE(self.service->listen({"imap", "imap#2"}, again.release()));
    TcpStream next(self.connect("imap"));
    CHECK((co_await line_from(next)).starts_with("* OK [CAPABILITY"));
    co_await self.service->stop();
    co_await self.backends.join();
  }(node));
}

TEST_CASE("front-end: sessions end whose login is worth nothing any more") {
  Node node;
  node.start();
  test::run(node.io, [](Node& self) -> Task<void> {
    auto stream = co_await tls::TlsStream::connect(self.connect("imaps"), self.client_tls,
                                                   "mail.example.org", tls::kAlpnImap);
    REQUIRE(stream);
    co_await log_in(**stream);
    const Guid account = self.backends.starts.at(0).mailbox.value();
    TcpStream nobody(self.connect("imap"));
    CHECK((co_await line_from(nobody)).starts_with("* OK [CAPABILITY"));
    CHECK(self.service->end_logins({Guid::random()}) == 0);
    CHECK(self.service->end_logins({account, "phone"}) == 0);
    CHECK(self.service->end_logins({account, {}, false, link::Protocol::kPop3}) == 0);
    CHECK(self.service->end_logins({account}) == 1);
    CHECK((co_await line_from(**stream)).starts_with("* BYE [UNAVAILABLE]"));
    REQUIRE(co_await nobody.write("n NOOP\r\n"));
    CHECK((co_await line_from(nobody)).starts_with("n OK"));
    co_await self.service->stop();
    co_await self.backends.join();
  }(node));
}

TEST_CASE("ended logins: what each end covers") {
  const Guid alice = Guid::random();
  const Guid shared = Guid::random();
  const Login own{alice, alice};
  const Login phone{alice, alice, "phone"};
  const Login in_shared{alice, shared};
  constexpr auto kImap = link::Protocol::kImap;
  CHECK(LoginEnd{alice}.covers(own, kImap));
  CHECK(LoginEnd{alice}.covers(in_shared, kImap));
  CHECK_FALSE(LoginEnd{shared}.covers(in_shared, kImap));
  CHECK(LoginEnd{shared, {}, true}.covers(in_shared, kImap));
  CHECK(LoginEnd{alice, "Phone"}.covers(phone, kImap));
  CHECK_FALSE(LoginEnd{alice, "phone"}.covers(own, kImap));
  CHECK_FALSE(LoginEnd{alice, {}, false, link::Protocol::kSmtp}.covers(own, kImap));

  test::FakeClock clock;
  EndedLogins ended(clock);
  const auto before = clock.steady();
  CHECK_FALSE(ended.covers(own, kImap, before));
  clock.advance(std::chrono::seconds(1));
  ended.note({alice});
  CHECK(ended.covers(own, kImap, before));
  clock.advance(std::chrono::seconds(1));
  CHECK_FALSE(ended.covers(own, kImap, clock.steady()));
  clock.advance(EndedLogins::kKeep);
  ended.note({shared});
  CHECK_FALSE(ended.covers(own, kImap, before));
}

TEST_CASE("front-end: STARTTLS over a socket") {
  Node node;
  node.start();
  test::run(node.io, [](Node& self) -> Task<void> {
    TcpStream plain(self.connect("imap"));
    CHECK((co_await line_from(plain)).find("LOGINDISABLED") != std::string::npos);
    REQUIRE(co_await plain.write("t STARTTLS\r\n"));
    CHECK((co_await line_from(plain)).starts_with("t OK"));
    auto stream =
        co_await tls::TlsStream::connect(plain.release(), self.client_tls, "mail.example.org");
    REQUIRE(stream);
    REQUIRE(co_await (*stream)->write("a LOGIN a@example.org secret\r\n"));
    CHECK(co_await line_from(**stream) == "a OK Logged in\r\n");
    (*stream)->close();
    co_await self.service->stop();
    co_await self.backends.join();
  }(node));
}

TEST_CASE("front-end: an address has a limited number of connections") {
  Node node;
  node.settings.limit_setting = [](std::string_view name) -> std::optional<std::uint64_t> {
    if (name == "frontend.mail_per_address_max") return 2;
    return std::nullopt;
  };
  node.start();
  test::run(node.io, [](Node& self) -> Task<void> {
    std::vector<std::unique_ptr<TcpStream>> held;
    for (int i = 0; i < 2; ++i) {
      held.push_back(std::make_unique<TcpStream>(self.connect("imap")));
      CHECK((co_await line_from(*held.back())).starts_with("* OK"));
    }
    TcpStream third(self.connect("imap"));
    CHECK((co_await line_from(third)).starts_with("* BYE [LIMIT]"));
    held.front()->close();
    while (self.service->sessions() > 1) co_await yield_now();
    TcpStream fourth(self.connect("imap"));
    CHECK((co_await line_from(fourth)).starts_with("* OK"));
    co_await self.service->stop();
  }(node));
}

TEST_CASE("front-end: who is silent in a handshake makes room and holds up no stop") {
  Node node;
  node.settings.limits.before_login_max = 1;
  node.start();
  test::run(node.io, [](Node& self) -> Task<void> {
    TcpSocket silent = self.connect("imaps");
    while (self.service->accepted() < 1) co_await yield_now();
    TcpStream next(self.connect("imap"));
    CHECK((co_await line_from(next)).starts_with("* OK"));
    auto begun = std::chrono::steady_clock::now();
    char byte = 0;
    std::error_code code;
    co_await silent.async_read_some(asio::buffer(&byte, 1), asio::redirect_error(kUseTask, code));
    CHECK(code == asio::error::eof);
    CHECK(std::chrono::steady_clock::now() - begun < tls::kHandshakeTimeout / 2);
    TcpSocket last = self.connect("imaps");
    while (self.service->accepted() < 3) co_await yield_now();
    begun = std::chrono::steady_clock::now();
    co_await self.service->stop();
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(4));
    CHECK(self.service->sessions() == 0);
  }(node));
}

TEST_CASE("front-end: listeners that nobody serves and bad certificates are refused") {
  Node node;
  Frontend service(node.io.get_executor(), node.settings, node.authenticator, node.backends);
  const auto listening = service.listen({"gopher"}, -1);
  REQUIRE_FALSE(listening);
  CHECK(listening.error().code == ErrorCode::kNotFound);
  node.settings.key_file = node.settings.certificate_file;
  Frontend keyless(node.io.get_executor(), node.settings, node.authenticator, node.backends);
  CHECK_FALSE(keyless.load_certificate());
}

TEST_CASE("front-end limits: the oldest that has not logged in makes room") {
  ConnectionLimits limits(system_clock());
  Limits numbers;
  numbers.before_login_max = 2;
  std::string_view refusal;
  std::vector<int> evicted;
  std::vector<std::unique_ptr<Admission>> held;
  for (int i = 0; i < 4; ++i) {
    held.push_back(
        limits.admit("192.0.2." + std::to_string(i), link::Protocol::kImap, numbers, refusal));
    REQUIRE(held.back());
    held.back()->on_evicted([&evicted, i] { evicted.push_back(i); });
    if (i == 0) held.back()->leave_login();
  }
  CHECK(evicted == std::vector<int>{1});
  CHECK(limits.before_login() == 2);
  held.clear();
  CHECK(limits.size() == 0);
  CHECK(limits.before_login() == 0);
}

TEST_CASE("front-end limits: who made room before it could be told is told at once") {
  ConnectionLimits limits(system_clock());
  Limits numbers;
  numbers.before_login_max = 1;
  std::string_view refusal;
  const auto first = limits.admit("192.0.2.1", link::Protocol::kImap, numbers, refusal);
  const auto second = limits.admit("192.0.2.2", link::Protocol::kImap, numbers, refusal);
  REQUIRE((first && second));
  int told = 0;
  first->on_evicted([&told] { ++told; });
  CHECK(told == 1);
  second->on_evicted([&told] { ++told; });
  CHECK(told == 1);
}

TEST_CASE("front-end limits: who has said something stays while others are silent") {
  ConnectionLimits limits(system_clock());
  Limits numbers;
  numbers.before_login_max = 3;
  std::string_view refusal;
  std::vector<int> evicted;
  std::vector<std::unique_ptr<Admission>> held;
  const auto come = [&](int i) {
    held.push_back(
        limits.admit("192.0.2." + std::to_string(i), link::Protocol::kImap, numbers, refusal));
    REQUIRE(held.back());
    held.back()->on_evicted([&evicted, i] { evicted.push_back(i); });
  };
  come(0);
  held[0]->note_word();
  for (int i = 1; i < 5; ++i) come(i);
  CHECK(evicted == std::vector<int>{1, 2});
  held[3]->note_word();
  held[4]->note_word();
  held[4]->note_word();  // only the first counts
  come(5);
  CHECK(evicted == std::vector<int>{1, 2, 0});  // none is silent: the oldest
  come(6);
  CHECK(evicted == std::vector<int>{1, 2, 0, 5});
  CHECK(limits.before_login() == 3);
  held.clear();
  CHECK(limits.before_login() == 0);
}

TEST_CASE("front-end backends: a link opens once the back-end is there, and a refusal is told") {
  test::TempFolder folder;
  asio::io_context io(1);
  const std::string path = folder / "session";
  test::run(io, [](asio::io_context& context, std::string socket) -> Task<void> {
    link::SessionStart start;
    start.session = Guid::random();
    const auto nobody = co_await open_link(socket, start);
    REQUIRE_FALSE(nobody);
    CHECK(nobody.error().code == ErrorCode::kUnavailable);
    UnixAcceptor acceptor(context.get_executor(), asio::local::stream_protocol::endpoint(socket));
    TaskGroup group(context.get_executor());
    group.spawn("backend", [](UnixAcceptor& listening, Guid expected) -> Task<void> {
      for (const bool take : {true, false}) {
        UnixSocket peer(co_await asio::this_coro::executor);
        std::error_code code;
        co_await listening.async_accept(peer, asio::redirect_error(kUseTask, code));
        REQUIRE_FALSE(code);
        link::FrameSocket frames(std::move(peer), link::kSessionPayloadMax);
        const auto asked = co_await link::accept_session(frames);
        REQUIRE(asked);
        CHECK(asked->session == expected);
        if (take) {
          REQUIRE(co_await link::accept(frames));
        } else {
          REQUIRE(co_await link::refuse(frames, {ErrorCode::kExhausted, "full"}));
        }
      }
    }(acceptor, start.session));
    CHECK(co_await open_link(socket, start));
    const auto refused = co_await open_link(socket, start);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kExhausted);
    co_await group.join();
  }(io, path));
}

}  // namespace hauspost::frontend::test_support
