#include <catch2/catch.hpp>

#include "base/crypto/mac.h"
#include "base/random.h"
#include "base/signal.h"
#include "base/socket_stream.h"
#include "base/text.h"
#include "base/tls/certificate.h"
#include "base/tls/tls_stream.h"
#include "tests/unit/base/run.h"

namespace hauspost::tls {
namespace {

using namespace std::chrono_literals;

CertificatePair certificate_for(std::string name) {
  SelfSignedRequest request;
  request.host_name = std::move(name);
  request.addresses = {"127.0.0.1", "::1"};
  return make_self_signed(request).value();
}

struct Pair {
  explicit Pair(std::string name = "mail.example.org")
      : certificate(certificate_for(std::move(name))),
        server_context(
            TlsContext::server(certificate.certificate_pem, certificate.key_pem.reveal()).value()),
        client_context(TlsContext::client(certificate.certificate_pem).value()) {}

  std::pair<TcpSocket, TcpSocket> sockets() {
    TcpAcceptor acceptor(io.get_executor(), {asio::ip::address_v4::loopback(), 0});
    TcpSocket left(io.get_executor());
    left.connect(acceptor.local_endpoint());
    TcpSocket right(io.get_executor());
    acceptor.accept(right);
    return {std::move(left), std::move(right)};
  }

  asio::io_context io{1};
  CertificatePair certificate;
  TlsContext server_context;
  TlsContext client_context;
};

using Made = Result<std::unique_ptr<TlsStream>>;

Task<void> serve(TcpSocket socket, const TlsContext& context, std::string_view alpn, Made& out) {
  out = co_await TlsStream::accept(std::move(socket), context, alpn);
}

struct Ends {
  Made server = fail(ErrorCode::kInternal, "not run");
  Made client = fail(ErrorCode::kInternal, "not run");
};

Ends shake_hands(Pair& pair, std::string name, std::string_view server_alpn = kAlpnNone,
                 std::string_view client_alpn = kAlpnNone) {
  Ends ends;
  auto [near, far] = pair.sockets();
  test::run(
      pair.io,
      [](Pair& tls, TcpSocket ours, TcpSocket theirs, std::string host, std::string_view ours_alpn,
         std::string_view theirs_alpn, Ends& out) -> Task<void> {
        TaskGroup group(co_await asio::this_coro::executor);
        group.spawn("server", serve(std::move(theirs), tls.server_context, ours_alpn, out.server));
        out.client = co_await TlsStream::connect(std::move(ours), tls.client_context,
                                                 std::move(host), theirs_alpn);
        co_await group.join();
      }(pair, std::move(near), std::move(far), std::move(name), server_alpn, client_alpn, ends));
  if (!ends.server) UNSCOPED_INFO("server: " << ends.server.error().text);
  if (!ends.client) UNSCOPED_INFO("client: " << ends.client.error().text);
  return ends;
}

Task<void> write_and_close(Stream& stream, const std::string& text) {
  REQUIRE(co_await stream.write(text));
  stream.close();
}

Task<void> echo(Stream& stream) {
  std::array<char, 5000> chunk;
  for (;;) {
    const auto got = co_await stream.read_some(chunk);
    if (!got || *got == 0) co_return;
    if (!co_await stream.write(std::string_view(chunk.data(), *got))) co_return;
  }
}

Task<void> read_exactly(Stream& stream, std::size_t count, std::string& into) {
  std::array<char, 7000> chunk;
  while (into.size() < count) {
    const auto got = co_await stream.read_some(chunk);
    if (!got || *got == 0) co_return;
    into.append(chunk.data(), *got);
  }
}

std::string random_text(std::size_t size) {
  std::string text(size, '\0');
  random_bytes({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  return text;
}

}  // namespace

TEST_CASE("tls: channel bindings are the connection's own") {
  Pair pair;
  const auto one = shake_hands(pair, "mail.example.org");
  const auto other = shake_hands(pair, "mail.example.org");
  REQUIRE((one.server && one.client && other.server));
  REQUIRE((*one.server)->can_bind_channel());
  const std::string exported = (*one.server)->exporter_binding();
  CHECK(exported.size() == 32);
  CHECK((*one.client)->exporter_binding() == exported);
  CHECK((*other.server)->exporter_binding() != exported);
  // RFC 5929 section 4.1: the hash of the whole certificate.
  const std::string& pem = pair.certificate.certificate_pem;
  const std::size_t begin = pem.find('\n') + 1;
  std::string base64 = pem.substr(begin, pem.find("-----END") - begin);
  std::erase(base64, '\n');
  CHECK((*one.server)->endpoint_binding() ==
        crypto::hash(crypto::Digest::kSha256, base64_decode(base64).value()));
}

TEST_CASE("tls certificate: names and addresses that are none are refused") {
  for (const std::string name : {"", "a b", "-a.example", "a..b", "exa mple", "a_b.example", "*"}) {
    SelfSignedRequest request;
    request.host_name = name;
    const auto made = make_self_signed(request);
    INFO(name);
    REQUIRE_FALSE(made);
    CHECK(made.error().code == ErrorCode::kInvalid);
  }
  SelfSignedRequest request;
  request.host_name = "mail.example.org";
  request.addresses = {"300.1.1.1"};
  CHECK_FALSE(make_self_signed(request));
}

TEST_CASE("tls context: expiry is read, foreign keys and garbage are refused") {
  const CertificatePair one = certificate_for("one.example.org");
  const CertificatePair two = certificate_for("two.example.org");
  const auto good = TlsContext::server(one.certificate_pem, one.key_pem.reveal());
  REQUIRE(good);
  const auto left = good->expires() - std::chrono::system_clock::now();
  CHECK(left > std::chrono::days(3649));
  CHECK(left < std::chrono::days(3651));
  CHECK_FALSE(TlsContext::server(one.certificate_pem, two.key_pem.reveal()));
  CHECK_FALSE(TlsContext::server("", one.key_pem.reveal()));
  CHECK_FALSE(TlsContext::server(one.certificate_pem, ""));
  CHECK_FALSE(TlsContext::server("-----BEGIN CERTIFICATE-----\nAAAA\n", one.key_pem.reveal()));
  CHECK_FALSE(TlsContext::server_from_files("/nonexistent/cert.pem", "/nonexistent/key.pem"));
}

TEST_CASE("tls stream: handshake, then bytes both ways unchanged") {
  Pair pair;
  Ends ends = shake_hands(pair, "mail.example.org");
  REQUIRE(ends.server);
  REQUIRE(ends.client);
  CHECK((*ends.server)->version() == "TLSv1.3");
  CHECK_FALSE((*ends.server)->cipher().empty());
  const std::string text = random_text(3 * 1024 * 1024);
  std::string back;
  test::run(
      pair.io,
      [](Stream& client, Stream& server, const std::string& out, std::string& in) -> Task<void> {
        TaskGroup group(co_await asio::this_coro::executor);
        group.spawn("echo", echo(server));
        group.spawn("read", read_exactly(client, out.size(), in));
        const std::string_view view = out;
        const std::string_view parts[] = {view.substr(0, 10), view.substr(10, 3000),
                                          view.substr(3010, 100'000), view.substr(103'010)};
        REQUIRE(co_await client.write(std::span<const std::string_view>(parts)));
        while (in.size() < out.size() && group.size() == 2) co_await yield_now();
        client.close();
        co_await group.join();
      }(**ends.client, **ends.server, text, back));
  CHECK(back == text);
}

TEST_CASE("tls stream: the certificate must carry the name that was asked for") {
  Pair pair;
  CHECK(shake_hands(pair, "mail.example.org").client);
  CHECK(shake_hands(pair, "").client);
  const Ends wrong = shake_hands(pair, "other.example.org");
  CHECK_FALSE(wrong.client);
  CHECK_FALSE(wrong.server);
}

TEST_CASE("tls stream: a protocol is agreed on, a foreign one turned away") {
  Pair pair;
  Ends same = shake_hands(pair, "mail.example.org", kAlpnImap, kAlpnImap);
  REQUIRE(same.server);
  REQUIRE(same.client);
  CHECK((*same.server)->alpn() == "imap");
  CHECK(shake_hands(pair, "mail.example.org", kAlpnImap, kAlpnNone).server);
  CHECK(shake_hands(pair, "mail.example.org", kAlpnNone, "smtp").server);
  const Ends foreign = shake_hands(pair, "mail.example.org", kAlpnImap, "http/1.1");
  CHECK_FALSE(foreign.server);
  CHECK_FALSE(foreign.client);
}

TEST_CASE("tls stream: the end of the peer, with and without goodbye") {
  Pair pair;
  Ends ends = shake_hands(pair, "mail.example.org");
  REQUIRE(ends.server);
  REQUIRE(ends.client);
  SECTION("close_notify is the end") {
    test::run(pair.io, [](Stream& client, Stream& server) -> Task<void> {
      co_await write_and_close(client, "last");
      std::array<char, 100> chunk;
      CHECK(co_await server.read_some(chunk) == 4U);
      CHECK(co_await server.read_some(chunk) == 0U);
    }(**ends.client, **ends.server));
  }
  SECTION("a cut connection is not") {
    auto [near, far] = pair.sockets();
    Made cut = fail(ErrorCode::kInternal, "not run");
    test::run(pair.io, [](TcpSocket ours, TcpSocket theirs, Pair& tls, Made& out) -> Task<void> {
      TaskGroup group(co_await asio::this_coro::executor);
      group.spawn("server", serve(std::move(theirs), tls.server_context, kAlpnNone, out));
      TcpStream plain(std::move(ours));
      REQUIRE(co_await plain.write("\x16\x03\x01"));
      plain.close();
      co_await group.join();
    }(std::move(near), std::move(far), pair, cut));
    REQUIRE_FALSE(cut);
    CHECK(cut.error().code == ErrorCode::kUnavailable);
  }
}

TEST_CASE("tls stream: plain text is no handshake") {
  Pair pair;
  auto [near, far] = pair.sockets();
  Made made = fail(ErrorCode::kInternal, "not run");
  test::run(pair.io, [](TcpSocket ours, TcpSocket theirs, Pair& tls, Made& out) -> Task<void> {
    TaskGroup group(co_await asio::this_coro::executor);
    group.spawn("server", serve(std::move(theirs), tls.server_context, kAlpnNone, out));
    TcpStream plain(std::move(ours));
    REQUIRE(co_await plain.write("a CAPABILITY\r\n"));
    co_await group.join();
  }(std::move(near), std::move(far), pair, made));
  REQUIRE_FALSE(made);
  CHECK(made.error().code == ErrorCode::kInvalid);
}

TEST_CASE("tls stream: wait_input tells bytes from records, signals and time") {
  Pair pair;
  Ends ends = shake_hands(pair, "mail.example.org");
  REQUIRE(ends.server);
  REQUIRE(ends.client);
  test::run(pair.io, [](TlsStream& client, TlsStream& server) -> Task<void> {
    Signal signal;
    // The server's session tickets make the client's socket readable, yet hold no bytes for it.
    CHECK(co_await client.wait_input(signal, 20ms) == Wake::kTimeout);
    signal.notify();
    CHECK(co_await client.wait_input(signal, 0ms) == Wake::kSignal);
    REQUIRE(co_await server.write("hello"));
    CHECK(co_await client.wait_input(signal, 5s) == Wake::kInput);
    std::array<char, 2> two;
    CHECK(co_await client.read_some(two) == 2U);
    // The rest of the record is in the library, not in the socket.
    CHECK(co_await client.wait_input(signal, 5s) == Wake::kInput);
    std::array<char, 9> rest;
    CHECK(co_await client.read_some(rest) == 3U);
    client.set_timeout(20ms);
    const auto late = co_await client.read_some(rest);
    REQUIRE_FALSE(late);
    CHECK(late.error().code == ErrorCode::kTimeout);
  }(**ends.client, **ends.server));
}

}  // namespace hauspost::tls
