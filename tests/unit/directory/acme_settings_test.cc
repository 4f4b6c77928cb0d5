#include "server/directory/acme_settings.h"

#include <catch2/catch.hpp>

#include "server/directory/writer.h"
#include "tests/unit/temp_folder.h"

namespace hauspost::directory {
namespace {

AcmeOrder good() {
  return {.names = {"mail.example.org", "autoconfig.example.org"},
          .directory = "https://ca.example/dir",
          .contacts = {"admin@example.org"},
          .terms_agreed = true};
}

}  // namespace

TEST_CASE("acme settings: what is kept is what was set") {
  test::TempFolder folder;
  auto writer = DirectoryWriter::open(folder / "directory.mdb").value();
  CHECK(acme_orders(writer->reader())->empty());
  AcmeOrder second = good();
  second.names = {"pop.example.org"};
  second.challenge = AcmeChallenge::kTlsAlpn01;
  second.rsa = true;
  second.ca_file = "/etc/ca.pem";
  second.eab_kid = "kid";
  REQUIRE(set_acme_orders(*writer, {good(), second}));
  CHECK(acme_orders(writer->reader()).value() == std::vector{good(), second});
  CHECK_FALSE(set_acme_orders(*writer, {good(), good()}));
  CHECK(acme_orders(writer->reader())->size() == 2);
  REQUIRE(set_acme_orders(*writer, {}));
  CHECK(acme_orders(writer->reader())->empty());
}

TEST_CASE("acme settings: names that cannot be ordered are refused, each by its name") {
  for (const char* name : {"*.example.org", "localhost", "192.0.2.1", "Mail.example.org", "a..b",
                           "-a.example", "a_b.example", "mail.example.org.", "../x.example", ""}) {
    AcmeOrder order = good();
    order.names.push_back(name);
    const auto checked = check(order);
    REQUIRE_FALSE(checked);
    CHECK(checked.error().text.find(name) != std::string::npos);
  }
  AcmeOrder twice = good();
  twice.names.push_back("mail.example.org");
  CHECK_FALSE(check(twice));
  AcmeOrder many = good();
  for (std::size_t i = 0; i < kAcmeNamesMax; ++i)
    many.names.push_back("n" + std::to_string(i) + ".example");
  CHECK_FALSE(check(many));
}

TEST_CASE("acme settings: an authority over https, terms agreed to, contacts that are addresses") {
  for (const char* url : {"http://ca.example/dir", "https://", "ca.example", "https://a b/c"}) {
    AcmeOrder order = good();
    order.directory = url;
    CHECK_FALSE(check(order));
  }
  AcmeOrder order = good();
  order.terms_agreed = false;
  CHECK(check(order).error().text.find("--agree-terms") != std::string::npos);
  for (const char* contact : {"admin", "@example.org", "a@b,c@d", "a@b?subject=x", "a b@c"}) {
    AcmeOrder other = good();
    other.contacts = {contact};
    CHECK_FALSE(check(other));
  }
}

}  // namespace hauspost::directory
