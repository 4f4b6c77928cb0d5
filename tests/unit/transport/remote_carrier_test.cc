#include "transport/send/remote_carrier.h"

#include <catch2/catch.hpp>

#include <fstream>

#include "base/socket_stream.h"
#include "base/text.h"
#include "base/tls/certificate.h"
#include "base/tls/tls_stream.h"
#include "protocols/smtp/line_input.h"
#include "tests/unit/base/run.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/transport/map_resolver.h"

using namespace hauspost;
using namespace hauspost::transport;

namespace {

using Kind = RecipientResult::Kind;

constexpr std::string_view kHost = "mx.them.test";
constexpr std::string_view kMessage = "Subject: x\r\n\r\nhello\r\n";

tls::CertificatePair certificate_for(std::string name) {
  tls::SelfSignedRequest request;
  request.host_name = std::move(name);
  return tls::make_self_signed(request).value();
}

// A server on loopback. What it heard, and how it was told to behave.
class Server {
 public:
  Server(asio::io_context& io, const tls::CertificatePair& certificate)
      : context_(tls::TlsContext::server(certificate.certificate_pem, certificate.key_pem.reveal())
                     .value()),
        acceptor_(io.get_executor(), {asio::ip::address_v4::loopback(), 0}),
        tasks_(io.get_executor()) {
    tasks_.spawn("accept", accept());
  }
  std::uint16_t port() { return acceptor_.local_endpoint().port(); }
  Task<void> stop() {
    tasks_.stop();
    std::error_code ignored;
    acceptor_.cancel(ignored);
    co_await tasks_.join();
  }

  std::string name = "them";
  bool offers_tls = true;
  bool breaks_handshakes = false;
  bool offers_require_tls = false;
  bool breaks_data = false;
  std::size_t connections = 0;
  std::vector<std::string> clients;  // their addresses
  std::vector<std::string> taken;    // "tls" or "clear", and the MAIL command

 private:
  Task<void> accept() {
    for (;;) {
      TcpSocket socket(co_await asio::this_coro::executor);
      std::error_code code;
      co_await acceptor_.async_accept(socket, asio::redirect_error(kUseTask, code));
      if (code) co_return;
      ++connections;
      clients.push_back(socket.remote_endpoint(code).address().to_string());
      tasks_.spawn("serve", serve(std::move(socket)));
    }
  }

  Task<void> serve(TcpSocket socket) {
    auto clear = std::make_unique<TcpStream>(std::move(socket));
    const std::string greeting = "220 " + name + "\r\n";
    if (!co_await clear->write(std::string_view(greeting))) co_return;
    if (!co_await talk(*clear, false)) co_return;
    if (breaks_handshakes) co_return;
    auto secure = co_await tls::TlsStream::accept(clear->release(), context_);
    if (secure) co_await talk(**secure, true);
  }

  // True: TLS is to begin.
  Task<bool> talk(Stream& stream, bool secure) {
    smtp::LineInput input(stream);
    std::string mail;
    for (;;) {
      const auto line = co_await input.read_line(1000);
      if (!line) co_return false;
      const std::string command(line->line);
      std::string reply = "250 ok\r\n";
      if (command.starts_with("EHLO")) {
        reply = "250-them\r\n";
        if (offers_tls && !secure) reply += "250-STARTTLS\r\n";
        if (offers_require_tls) reply += "250-REQUIRETLS\r\n";
        reply += "250 8BITMIME\r\n";
      }
      if (command == "STARTTLS") reply = "220 go\r\n";
      if (command.starts_with("MAIL")) mail = command;
      if (command == "DATA") reply = "354 go\r\n";
      if (!co_await stream.write(std::string_view(reply))) co_return false;
      if (command == "STARTTLS") co_return true;
      if (command != "DATA") continue;
      if (breaks_data) co_return false;
      for (bool more = true; more;) {
        const auto content = co_await input.read_line(1000);
        if (!content) co_return false;
        more = content->line != ".";
      }
      taken.push_back((secure ? "tls " : "clear ") + mail);
      if (!co_await stream.write(std::string_view("250 taken\r\n"))) co_return false;
    }
  }

  tls::TlsContext context_;
  TcpAcceptor acceptor_;
  TaskGroup tasks_;
};

class OneConnector final : public ConnectorSource {
 public:
  SendConnector connector;
  ConnectorList connectors() const override {
    return std::make_shared<const std::vector<SendConnector>>(1, connector);
  }
  Result<Secret> password(std::string_view) const override {
    return fail(ErrorCode::kNotFound, "none");
  }
};

class Heard final : public dns::TlsResults {
 public:
  std::vector<std::string> failures;
  void record(const dns::TlsResult& result) override {
    failures.emplace_back(to_string(result.failure));
  }
};

struct World {
  explicit World(std::string certificate_name = std::string(kHost))
      : certificate(certificate_for(std::move(certificate_name))), server(io, certificate) {
    resolver.a_records[std::string(kHost)] = {"127.0.0.1"};
    resolver.mx_records["them.test"] = {{10, std::string(kHost)}};
    source.connector.name = "Out";
    source.connector.spaces = {{"*", 1}};
    source.connector.port = server.port();
    envelope.sender = "a@us.test";
    envelope.recipients = {{.address = "b@them.test"}};
  }

  // The certificate's own key is a trusted authority, or nobody is.
  void trust(bool certificate_itself) {
    const std::string file = folder / "roots.pem";
    const auto other = certificate_for("authority.test");
    std::ofstream(file) << (certificate_itself ? certificate.certificate_pem
                                               : other.certificate_pem);
    roots = file;
  }

  // One attempt, or several one after the other by the same carrier.
  std::vector<CarryReport> carry(std::size_t count = 1) {
    std::vector<CarryReport> reports;
    test::run(io, attempt(*this, count, reports));
    return reports;
  }
  std::string status() {
    const CarryReport report = carry().front();
    if (report.hop_failed) return "hop: " + report.error;
    const RecipientResult& result = report.recipients.front();
    return (result.kind <= Kind::kRelayedBlind ? "relayed" : result.status);
  }

  static Task<void> attempt(World& world, std::size_t count, std::vector<CarryReport>& reports) {
    dns::HopFinder hops(world.resolver, nullptr, {.own_names = {"us.test"}}, world.heard);
    RemoteCarrier carrier(co_await asio::this_coro::executor, {.connectors = world.source,
                                                               .hops = hops,
                                                               .clock = system_clock(),
                                                               .hostname = "us.test",
                                                               .results = &world.heard,
                                                               .roots_file = world.roots});
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0 && world.between) world.between();
      const NextHop hop{NextHop::Kind::kConnector, "Out", "them.test"};
      reports.push_back(co_await carrier.carry(hop, world.envelope, kMessage));
    }
    carrier.stop();
    co_await carrier.join();
    co_await world.server.stop();
  }

  asio::io_context io{1};
  test::TempFolder folder;
  tls::CertificatePair certificate;
  Server server;
  dns::test::MapResolver resolver;
  OneConnector source;
  Heard heard;
  Envelope envelope;
  std::string roots = "/nonexistent/roots.pem";
  std::function<void()> between;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("remote carrier: TLS where it is offered, whatever the certificate", "[remote-carrier]") {
  World world("somebody.else.test");
  CHECK(world.status() == "relayed");
  CHECK(world.server.taken == std::vector<std::string>{"tls MAIL FROM:<a@us.test>"});
  CHECK(world.heard.failures ==
        std::vector<std::string>{std::string(to_string(dns::TlsFailure::kNone))});
}

TEST_CASE("remote carrier: a handshake that breaks is passed over where nobody asked for TLS",
          "[remote-carrier]") {
  World world;
  world.server.breaks_handshakes = true;
  CHECK(world.status() == "relayed");
  CHECK(world.server.taken == std::vector<std::string>{"clear MAIL FROM:<a@us.test>"});
  CHECK(world.server.connections == 2);

  World strict;
  strict.server.breaks_handshakes = true;
  strict.source.connector.tls = SendTls::kEncryption;
  CHECK(has(strict.status(), "hop: mx.them.test"));
  CHECK(strict.server.taken.empty());
}

TEST_CASE("remote carrier: the certificate has to be what the connector wants",
          "[remote-carrier]") {
  SECTION("of a trusted authority, for the host") {
    World world;
    world.trust(true);
    world.source.connector.tls = SendTls::kDomain;
    CHECK(world.status() == "relayed");
  }
  SECTION("for another name than the host's, as it was named") {
    World world("smarthost.test");
    world.trust(true);
    world.source.connector.tls = SendTls::kDomain;
    CHECK(has(world.status(), "certificate"));
    World named("smarthost.test");
    named.trust(true);
    named.source.connector.tls = SendTls::kDomain;
    named.source.connector.tls_domain = "smarthost.test";
    CHECK(named.status() == "relayed");
  }
  SECTION("any name is good enough for a chain") {
    World world("smarthost.test");
    world.trust(true);
    world.source.connector.tls = SendTls::kCertificate;
    CHECK(world.status() == "relayed");
  }
  SECTION("nobody's certificate is not, and nothing is without authorities") {
    for (const bool roots : {true, false}) {
      World world;
      if (roots) world.trust(false);
      world.source.connector.tls = SendTls::kCertificate;
      CHECK(has(world.status(), "certificate"));
      CHECK(world.server.taken.empty());
    }
  }
  SECTION("a server without TLS gets nothing") {
    World world;
    world.server.offers_tls = false;
    world.source.connector.tls = SendTls::kEncryption;
    CHECK(has(world.status(), "does not offer TLS"));
    CHECK(world.server.taken.empty());
  }
}

TEST_CASE("remote carrier: DANE needs no authority and forgives no key", "[remote-carrier]") {
  World world("somebody.else.test");
  world.resolver.authentic = true;
  const std::string name = "_" + std::to_string(world.server.port()) + "._tcp.mx.them.test";
  world.resolver.tlsa_records[name] = {{3, 1, 1, std::string(32, 'x')}};
  CHECK(has(world.status(), "certificate"));
  CHECK(world.server.taken.empty());
  CHECK(world.heard.failures ==
        std::vector<std::string>{std::string(to_string(dns::TlsFailure::kTlsaInvalid))});
}

TEST_CASE("remote carrier: REQUIRETLS goes to who is verified and offers it", "[remote-carrier]") {
  const auto status = [](bool offered, bool trusted) {
    World world;
    world.resolver.authentic = true;
    world.envelope.require_tls = true;
    world.server.offers_require_tls = offered;
    world.trust(trusted);
    std::string out = world.status();
    CHECK(world.server.taken.empty() == (out != "relayed"));
    return out;
  };
  CHECK(status(true, true) == "relayed");
  CHECK(status(false, true) == "5.7.30");
  CHECK(status(true, false) == "5.7.30");
}

TEST_CASE("remote carrier: a session waits for the next message", "[remote-carrier]") {
  World world;
  CHECK(world.carry(3).size() == 3);
  CHECK(world.server.taken.size() == 3);
  CHECK(world.server.connections == 1);

  World changed;
  changed.between = [&] { changed.source.connector.tls = SendTls::kNone; };
  changed.carry(2);
  CHECK(changed.server.taken ==
        std::vector<std::string>{"tls MAIL FROM:<a@us.test>", "clear MAIL FROM:<a@us.test>"});

  World counted;
  counted.source.connector.messages_per_connection = 2;
  counted.carry(4);
  CHECK(counted.server.connections == 2);
}

TEST_CASE("remote carrier: one message that breaks a session does not stop the queue",
          "[remote-carrier]") {
  World world;
  world.server.breaks_data = true;
  const CarryReport report = world.carry().front();
  CHECK_FALSE(report.hop_failed);
  REQUIRE(report.recipients.size() == 1);
  CHECK(report.recipients[0].kind == Kind::kDeferred);
  CHECK(report.recipients[0].status == "4.4.2");
}

TEST_CASE("remote carrier: where nobody listens the hop has failed", "[remote-carrier]") {
  World world;
  world.resolver.a_records[std::string(kHost)] = {"127.0.0.1"};
  world.source.connector.port = 1;
  const CarryReport report = world.carry().front();
  CHECK(report.hop_failed);
  CHECK(has(report.error, "127.0.0.1"));
}

TEST_CASE("remote carrier: a connector that went away, and a message that is too big for it",
          "[remote-carrier]") {
  World world;
  world.source.connector.enabled = false;
  CHECK(has(world.status(), "disabled"));
  World small;
  small.source.connector.message_bytes_max = 10;
  CHECK(small.status() == "5.3.4");
  CHECK(small.server.connections == 0);
}

TEST_CASE("remote carrier: a domain whose host is us is a loop", "[remote-carrier]") {
  World world;
  world.resolver.mx_records["them.test"] = {{10, "us.test"}};
  world.resolver.a_records["us.test"] = {"127.0.0.1"};
  CHECK(world.status() == "5.4.6");
  World greeted;
  greeted.server.name = "us.test";
  CHECK(greeted.status() == "5.4.6");
}

TEST_CASE("remote carrier: we as the second host are no loop while the first is down",
          "[remote-carrier]") {
  World world;
  world.server.name = "us.test";
  world.resolver.mx_records["them.test"] = {{10, "first.them.test"}, {20, std::string(kHost)}};
  world.resolver.a_records["first.them.test"] = {"127.0.0.9"};  // nobody listens there
  for (const CarryReport& report : world.carry(2)) CHECK(report.hop_failed);
}

TEST_CASE("remote carrier: what one session cannot take waits while the DNS is silent",
          "[remote-carrier]") {
  World world;
  world.between = [&] {
    world.envelope.sender = "\xc3\xbc@us.test";  // needs SMTPUTF8
    world.resolver.broken.insert("them.test");
  };
  const auto reports = world.carry(2);
  CHECK(reports[0].recipients.at(0).kind <= Kind::kRelayedBlind);
  CHECK(reports[1].hop_failed);
}

TEST_CASE("remote carrier: the next address of a host where one does not answer",
          "[remote-carrier]") {
  World world;
  world.resolver.aaaa_records[std::string(kHost)] = {"::1"};
  CHECK(world.status() == "relayed");
  CHECK(world.server.connections == 1);
}

TEST_CASE("remote carrier: connections come from the address that was chosen", "[remote-carrier]") {
  World world;
  world.source.connector.source_v4 = "127.0.0.5";
  CHECK(world.status() == "relayed");
  CHECK(world.server.clients == std::vector<std::string>{"127.0.0.5"});
  World foreign;
  foreign.source.connector.source_v4 = "192.0.2.1";
  CHECK(has(foreign.status(), "source address 192.0.2.1"));
  CHECK(foreign.server.connections == 0);
}
