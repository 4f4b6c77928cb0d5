#include "protocols/sasl/client.h"

#include <catch2/catch.hpp>

#include "protocols/sasl/mechanism.h"
#include "protocols/sasl/scram.h"

using namespace hauspost;
using namespace hauspost::sasl;

namespace {

std::unique_ptr<ClientMechanism> choose(std::vector<std::string> offered,
                                        std::string nonce = "rOprNGfwEbeRWgbNEkqO") {
  return choose_client_mechanism(offered, "user", Secret("pencil"), std::move(nonce));
}

}  // namespace

TEST_CASE("sasl client: the best mechanism that is offered", "[client]") {
  CHECK(choose({"LOGIN", "PLAIN", "SCRAM-SHA-256"})->name() == "SCRAM-SHA-256");
  CHECK(choose({"LOGIN", "PLAIN", "XOAUTH2"})->name() == "PLAIN");
  CHECK(choose({"LOGIN"})->name() == "LOGIN");
  CHECK(choose({"XOAUTH2", "GSSAPI", "SCRAM-SHA-256-PLUS"}) == nullptr);
  CHECK(choose({}) == nullptr);
}

TEST_CASE("sasl client: PLAIN is what our server reads", "[client]") {
  const auto plain = choose({"PLAIN"});
  const auto credentials = parse_plain(plain->initial()->reveal());
  REQUIRE(credentials);
  CHECK(credentials->name == "user");
  CHECK(credentials->password.reveal() == "pencil");
  CHECK(credentials->authorization_id.empty());
  CHECK_FALSE(plain->respond("more?"));
}

TEST_CASE("sasl client: LOGIN answers twice", "[client]") {
  const auto login = choose({"LOGIN"});
  CHECK_FALSE(login->initial());
  CHECK(login->respond("Username:")->reveal() == "user");
  CHECK_FALSE(login->is_complete());
  CHECK(login->respond("Password:")->reveal() == "pencil");
  CHECK(login->is_complete());
  CHECK_FALSE(login->respond("again"));
}

// RFC 7677 section 3.
TEST_CASE("sasl client: SCRAM-SHA-256 as in the example of its RFC", "[client]") {
  const auto scram = choose({"SCRAM-SHA-256"});
  CHECK(scram->initial()->reveal() == "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  const auto answer = scram->respond(
      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
  REQUIRE(answer);
  CHECK(answer->reveal() ==
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  CHECK_FALSE(scram->is_complete());
  const auto last = scram->respond("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  REQUIRE(last);
  CHECK(last->reveal().empty());
  CHECK(scram->is_complete());
}

TEST_CASE("sasl client: a SCRAM server that breaks the rules", "[client]") {
  const std::string nonce = "rOprNGfwEbeRWgbNEkqO";
  for (const std::string& first : std::vector<std::string>{
           "", "r=" + nonce, "r=" + nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
           "r=other%hvYD,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
           "r=" + nonce + "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1",
           "r=" + nonce + "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=2000000000", "r=" + nonce + "x,s=,i=4096",
           "r=" + nonce + "x,s=!!,i=4096",
           "m=new,r=" + nonce + "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"}) {
    INFO(first);
    const auto scram = choose({"SCRAM-SHA-256"});
    scram->initial();
    CHECK_FALSE(scram->respond(first));
    CHECK_FALSE(scram->is_complete());
  }
  const auto scram = choose({"SCRAM-SHA-256"});
  scram->initial();
  REQUIRE(scram->respond("r=" + nonce + "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"));
  const auto wrong = scram->respond("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().code == ErrorCode::kDenied);
  CHECK_FALSE(scram->is_complete());
}

TEST_CASE("sasl client: a name with a comma and an equals sign", "[client]") {
  const std::string offered[] = {"SCRAM-SHA-256"};
  const auto scram = choose_client_mechanism(offered, "a,b=c", Secret("pencil"), "nonce");
  const auto first = parse_scram_first(scram->initial()->reveal());
  REQUIRE(first);
  CHECK(first->name == "a,b=c");
}
