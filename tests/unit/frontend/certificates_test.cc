#include "server/frontend/certificates.h"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include "base/socket_stream.h"
#include "base/tls/certificate.h"
#include "base/tls/certificate_choice.h"
#include "base/tls/tls_stream.h"
#include "tests/unit/auth/fake_clock.h"
#include "tests/unit/base/run.h"
#include "tests/unit/temp_folder.h"

namespace hauspost::frontend {
namespace {

struct Files {
  std::string add(const std::string& stem, const std::string& name, bool rsa = false,
                  std::chrono::days valid_for = std::chrono::days(3650)) {
    tls::SelfSignedRequest request;
    request.host_name = name;
    request.rsa = rsa;
    request.valid_for = valid_for;
    const auto made = tls::make_self_signed(request).value();
    std::ofstream(folder / (stem + ".crt")) << made.certificate_pem;
    std::ofstream(folder / (stem + ".key")) << made.key_pem.reveal();
    return made.certificate_pem;
  }
  CertificateFiles of(const std::string& stem) {
    return {folder / (stem + ".crt"), folder / (stem + ".key")};
  }
  test::TempFolder folder;
  test::FakeClock clock;
};

struct Shaken {
  bool done = false;
  bool resumed = false;
  std::string cipher;
};

Task<void> serve(TcpSocket socket, const tls::TlsContext& context) {
  auto stream = co_await tls::TlsStream::accept(std::move(socket), context);
  if (!stream) co_return;
  // A byte each way, so that tickets have arrived.
  char byte = 0;
  if (!co_await (*stream)->write("x")) co_return;
  [[maybe_unused]] auto got = co_await (*stream)->read_some({&byte, 1});
}

// A handshake in which the client asks for `name` and trusts only `trusted`.
Shaken shake(const tls::TlsContext& server, const std::string& name, const std::string& trusted) {
  asio::io_context io{1};
  const auto client = tls::TlsContext::client(trusted).value();
  TcpAcceptor acceptor(io.get_executor(), {asio::ip::address_v4::loopback(), 0});
  TcpSocket near(io.get_executor());
  near.connect(acceptor.local_endpoint());
  TcpSocket far(io.get_executor());
  acceptor.accept(far);
  Shaken shaken;
  test::run(io, [](TcpSocket ours, TcpSocket theirs, const tls::TlsContext& from,
                   const tls::TlsContext& with, std::string host, Shaken& out) -> Task<void> {
    TaskGroup group(co_await asio::this_coro::executor);
    group.spawn("server", serve(std::move(theirs), from));
    auto stream = co_await tls::TlsStream::connect(std::move(ours), with, host);
    if (stream) {
      char byte = 0;
      const auto got = co_await (*stream)->read_some({&byte, 1});
      out.done = got && *got == 1;
      out.cipher = (*stream)->cipher();
      (*stream)->close();
    }
    co_await group.join();
  }(std::move(near), std::move(far), server, client, name, shaken));
  return shaken;
}

}  // namespace

TEST_CASE("certificates: each client sees the one for the name that it asks for") {
  Files files;
  const std::string first = files.add("first", "mail.example.org");
  const std::string second = files.add("second", "mail.example.net");
  const std::string wild = files.add("wild", "*.example.com");
  const std::string exact = files.add("exact", "pop.example.com");
  Certificates certificates(files.clock, [&] {
    return std::vector{files.of("first"), files.of("second"), files.of("wild"), files.of("exact")};
  });
  REQUIRE(certificates.load());
  REQUIRE(certificates.context());
  const tls::TlsContext& context = *certificates.context();
  CHECK(shake(context, "mail.example.org", first).done);
  CHECK(shake(context, "mail.example.net", second).done);
  CHECK(shake(context, "MAIL.example.NET", second).done);
  CHECK(shake(context, "imap.example.com", wild).done);
  CHECK(shake(context, "pop.example.com", exact).done);
  CHECK_FALSE(shake(context, "pop.example.com", wild).done);
  CHECK_FALSE(shake(context, "a.b.example.com", wild).done);  // one label only
  CHECK_FALSE(shake(context, "mail.example.net", first).done);
}

TEST_CASE("certificates: of two for one name the client sees the one that it can check") {
  std::vector<tls::CertificateOption> options(4);
  options[0].names = {"mail.example.org"};
  options[1].names = {"mail.example.org"};
  options[1].ecdsa = true;
  options[2].names = {"*.example.net"};
  options[2].ecdsa = true;
  options[3].names = {"mail.example.net"};
  CHECK(tls::choose(options, {"mail.example.org", true}) == 1);
  CHECK(tls::choose(options, {"mail.example.org", false}) == 0);
  CHECK(tls::choose(options, {"", true}) == 1);
  CHECK(tls::choose(options, {"", false}) == 0);
  CHECK(tls::choose(options, {"other.example", true}) == 1);
  CHECK(tls::choose(options, {"mail.example.net", true}) == 3);   // exact before wildcard
  CHECK(tls::choose(options, {"imap.example.net", false}) == 2);  // the only one there is
}

TEST_CASE("certificates: ECDSA and RSA side by side") {
  Files files;
  const std::string rsa = files.add("rsa", "mail.example.org", true);
  const std::string ecdsa = files.add("ecdsa", "mail.example.org");
  Certificates certificates(files.clock,
                            [&] { return std::vector{files.of("rsa"), files.of("ecdsa")}; });
  REQUIRE(certificates.load());
  CHECK(certificates.entries()[0].facts->key == "RSA 2048");
  CHECK(certificates.entries()[1].facts->key == "ECDSA P-256");
  CHECK(shake(*certificates.context(), "mail.example.org", ecdsa).done);
  CHECK_FALSE(shake(*certificates.context(), "mail.example.org", rsa).done);
}

TEST_CASE("certificates: changed files are read again, bad ones leave what was good") {
  Files files;
  const std::string old = files.add("first", "mail.example.org");
  std::vector list{files.of("first")};
  Certificates certificates(files.clock, [&] { return list; });
  REQUIRE(certificates.load());
  CHECK_FALSE(certificates.changed());
  const auto before = certificates.context();

  std::ofstream(files.folder / "first.crt") << "garbage";
  std::filesystem::last_write_time(files.of("first").certificate_file,
                                   std::filesystem::file_time_type::clock::now() +
                                       std::chrono::seconds(5));
  CHECK(certificates.changed());
  CHECK_FALSE(certificates.load());
  CHECK_FALSE(certificates.changed());  // not again and again
  CHECK_FALSE(certificates.entries()[0].error.empty());
  CHECK(shake(*certificates.context(), "mail.example.org", old).done);

  const std::string renewed = files.add("first", "mail.example.org");
  std::filesystem::last_write_time(files.of("first").certificate_file,
                                   std::filesystem::file_time_type::clock::now() +
                                       std::chrono::seconds(9));
  CHECK(certificates.changed());
  REQUIRE(certificates.load());
  CHECK(certificates.entries()[0].error.empty());
  CHECK(shake(*certificates.context(), "mail.example.org", renewed).done);
  CHECK(shake(*before, "mail.example.org", old).done);  // handshakes under way keep theirs

  list.push_back(files.of("missing"));
  CHECK(certificates.changed());
  CHECK_FALSE(certificates.load());
  CHECK(shake(*certificates.context(), "mail.example.org", renewed).done);
  CHECK(certificates.entries()[1].pem.has_value() == false);
}

TEST_CASE("certificates: without the default there is no TLS at all") {
  Files files;
  files.add("second", "mail.example.net");
  Certificates certificates(files.clock,
                            [&] { return std::vector{files.of("first"), files.of("second")}; });
  CHECK_FALSE(certificates.load());
  CHECK_FALSE(certificates.context());
}

TEST_CASE("certificates: facts are those of the file") {
  Files files;
  const std::string pem = files.add("first", "Mail.example.org", false, std::chrono::days(30));
  const auto facts = tls::certificate_facts(pem).value();
  CHECK(facts.subject == "CN=Mail.example.org");
  CHECK(facts.names == std::vector<std::string>{"mail.example.org"});
  CHECK(facts.self_issued);
  CHECK(facts.fingerprint.size() == 64);
  CHECK(facts.not_after - facts.not_before == std::chrono::days(31));
  CHECK_FALSE(tls::certificate_facts("no certificate"));
}

TEST_CASE("certificates: ticket keys change, and the last one still opens") {
  test::FakeClock clock;
  tls::TicketKeys keys(clock);
  const auto first = keys.sealing();
  bool renew = true;
  REQUIRE(keys.opening(first.name.data(), renew) != nullptr);
  CHECK_FALSE(renew);
  clock.advance(tls::TicketKeys::kPeriod);
  const auto second = keys.sealing();
  CHECK(second.name != first.name);
  CHECK(second.cipher != first.cipher);
  const auto* opened = keys.opening(first.name.data(), renew);
  REQUIRE(opened != nullptr);
  CHECK(opened->cipher == first.cipher);
  CHECK(renew);
  clock.advance(tls::TicketKeys::kPeriod);
  CHECK(keys.opening(first.name.data(), renew) == nullptr);
  REQUIRE(keys.opening(second.name.data(), renew) != nullptr);
  clock.advance(2 * tls::TicketKeys::kPeriod);
  CHECK(keys.opening(second.name.data(), renew) == nullptr);
}

}  // namespace hauspost::frontend
