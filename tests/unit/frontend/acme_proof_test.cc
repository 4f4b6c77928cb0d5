#include <catch2/catch.hpp>

#include "base/crypto/mac.h"
#include "base/tls/acme_challenge.h"
#include "base/tls/certificate_choice.h"
#include "base/tls/certificate_facts.h"
#include "base/tls/certificate_request.h"
#include "base/tls/tls_stream.h"
#include "tests/unit/base/run.h"

namespace hauspost::tls {
namespace {

struct Seen {
  bool shaken = false;
  std::string alpn;
  std::string version;
};

Task<void> accept_one(TcpSocket socket, const TlsContext& context) {
  auto stream = co_await TlsStream::accept(std::move(socket), context, kAlpnImap);
  if (!stream) co_return;
  [[maybe_unused]] auto sent = co_await (*stream)->write("x");
  (*stream)->close();
}

Seen shake(const TlsContext& server, const std::string& name, std::string_view alpn) {
  asio::io_context io{1};
  const auto client = TlsContext::client("").value();
  TcpAcceptor acceptor(io.get_executor(), {asio::ip::address_v4::loopback(), 0});
  TcpSocket near(io.get_executor());
  near.connect(acceptor.local_endpoint());
  TcpSocket far(io.get_executor());
  acceptor.accept(far);
  Seen seen;
  test::run(io,
            [](TcpSocket ours, TcpSocket theirs, const TlsContext& from, const TlsContext& with,
               std::string host, std::string_view protocol, Seen& out) -> Task<void> {
              TaskGroup group(co_await asio::this_coro::executor);
              group.spawn("server", accept_one(std::move(theirs), from));
              auto stream = co_await TlsStream::connect(std::move(ours), with, host, protocol);
              if (stream) {
                char byte = 0;
                const auto got = co_await (*stream)->read_some({&byte, 1});
                out = {got && *got == 1, (*stream)->alpn(), (*stream)->version()};
                (*stream)->close();
              }
              co_await group.join();
            }(std::move(near), std::move(far), server, client, name, alpn, seen));
  return seen;
}

TlsContext server_with(const std::shared_ptr<AcmeChallenges>& challenges) {
  SelfSignedRequest request;
  request.host_name = "mail.example.org";
  const auto made = make_self_signed(request).value();
  TlsContext context = TlsContext::server(made.certificate_pem, made.key_pem.reveal()).value();
  REQUIRE(context.answer_challenges(challenges));
  return context;
}

}  // namespace

TEST_CASE("acme proof: the certificate is for the name alone and holds the digest, critically") {
  const std::string digest = crypto::hash(crypto::Digest::kSha256, "token.thumbprint");
  const auto pair = make_challenge_certificate("mail.example.org", digest);
  REQUIRE(pair);
  CHECK(certificate_facts(pair->certificate_pem)->names ==
        std::vector<std::string>{"mail.example.org"});
  const std::string der = certificate_der(pair->certificate_pem).value();
  // RFC 8737 section 3: 1.3.6.1.5.5.7.1.31, critical, an octet string of the digest in the value.
  const std::string extension = std::string(
                                    "\x06\x08\x2b\x06\x01\x05\x05\x07\x01\x1f"
                                    "\x01\x01\xff\x04\x22\x04\x20",
                                    17) +
                                digest;
  CHECK(der.find(extension) != std::string::npos);
  CHECK_FALSE(make_challenge_certificate("mail.example.org", "short"));
  CHECK_FALSE(make_challenge_certificate("not a name", digest));
}

TEST_CASE("acme proof: only who asks with the protocol for the name gets it") {
  const auto challenges = std::make_shared<AcmeChallenges>();
  const TlsContext server = server_with(challenges);
  CHECK_FALSE(shake(server, "mail.example.org", kAlpnAcme).shaken);
  REQUIRE(challenges->replace({{"mail.example.org", "token.thumbprint"}}));
  const Seen proof = shake(server, "MAIL.example.org", kAlpnAcme);
  CHECK(proof.shaken);
  CHECK(proof.alpn == kAlpnAcme);
  CHECK_FALSE(shake(server, "pop.example.org", kAlpnAcme).shaken);
  const Seen user = shake(server, "mail.example.org", kAlpnImap);
  CHECK(user.shaken);
  CHECK(user.alpn == kAlpnImap);
  CHECK(shake(server, "mail.example.org", kAlpnNone).alpn.empty());
  REQUIRE(challenges->replace({}));
  CHECK_FALSE(shake(server, "mail.example.org", kAlpnAcme).shaken);
}

TEST_CASE("acme proof: names that are none change nothing") {
  AcmeChallenges challenges;
  REQUIRE(challenges.replace({{"a.example", "x.y"}}));
  CHECK_FALSE(challenges.replace({{"a.example", "x.y"}, {"not a name", "x.y"}}));
  CHECK(challenges.size() == 1);
  std::map<std::string, std::string> many;
  for (std::size_t i = 0; i <= AcmeChallenges::kNamesMax; ++i)
    many["n" + std::to_string(i) + ".example"] = "x.y";
  CHECK_FALSE(challenges.replace(many));
  CHECK(challenges.find("A.EXAMPLE") != nullptr);
}

TEST_CASE("certificate choice: what an authority has issued comes before what is self-signed") {
  std::vector<CertificateOption> options(3);
  options[0] = {nullptr, {"mail.example.org", "127.0.0.1"}, true, true};
  options[1] = {nullptr, {"mail.example.org", "autoconfig.example.org"}, true, false};
  options[2] = {nullptr, {"other.example"}, true, false};
  CHECK(choose(options, {"mail.example.org", true}) == 1);
  CHECK(choose(options, {"mail.example.org", false}) ==
        1);                                 // trusted, and self-signed is of no use
  CHECK(choose(options, {"", true}) == 1);  // in the default's place
  CHECK(choose(options, {"127.0.0.1", true}) == 0);
  CHECK(choose(options, {"other.example", true}) == 2);
  options[0].self_issued = false;
  CHECK(choose(options, {"", true}) == 0);  // a default of the administrator's stays it
}

TEST_CASE("certificate request: of every name, under a key of its own") {
  const auto request = make_certificate_request({"a.example", "b.example"}, false);
  REQUIRE(request);
  CHECK(request->der.find("a.example") != std::string::npos);
  CHECK(request->der.find("b.example") != std::string::npos);
  CHECK(request->key_pem.reveal().starts_with("-----BEGIN PRIVATE KEY"));
  CHECK(make_certificate_request({"a.example"}, true)->der.size() > request->der.size());
  CHECK_FALSE(make_certificate_request({}, false));
  CHECK_FALSE(make_certificate_request({"a b"}, false));
  const auto pair = make_self_signed({.host_name = "a.example"}).value();
  CHECK(check_key_of(pair.certificate_pem, pair.key_pem.reveal()));
  CHECK_FALSE(check_key_of(pair.certificate_pem, request->key_pem.reveal()));
  CHECK_FALSE(check_key_of("", pair.key_pem.reveal()));
}

}  // namespace hauspost::tls
