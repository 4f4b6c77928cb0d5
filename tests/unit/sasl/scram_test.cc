#include "protocols/sasl/scram.h"

#include <catch2/catch.hpp>

#include "base/text.h"
#include "protocols/sasl/saslprep.h"

namespace hauspost::sasl {
namespace {

using Binding = ScramClientFirst::Binding;

// The exchanges of RFC 5802 section 5 and RFC 7677 section 3. Password: pencil.
struct Vector {
  std::string_view mechanism;
  std::string client_first;
  std::string server_nonce;
  std::string salt;  // base64
  std::string server_first;
  std::string client_final;
  std::string server_final;
};
const Vector kVectors[] = {
    {"SCRAM-SHA-1", "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j",
     "QSXCR+Q6sek8bf92", "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
     "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
     "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
    {"SCRAM-SHA-256", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
     "W22ZaJ0SNY7soEsUEjb6gQ==",
     "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
     "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
     "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
     "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
};

ScramServer server_of(const Vector& vector) {
  return ScramServer(*find_scram(vector.mechanism), parse_scram_first(vector.client_first).value(),
                     vector.server_nonce, base64_decode(vector.salt).value(), 4096);
}

ScramKeys keys_of(const Vector& vector, std::string password) {
  return scram_keys(find_scram(vector.mechanism)->digest, Secret(std::move(password)),
                    base64_decode(vector.salt).value(), 4096);
}

}  // namespace

TEST_CASE("scram: the exchanges of RFC 5802 and RFC 7677") {
  for (const Vector& vector : kVectors) {
    INFO(vector.mechanism);
    const ScramServer server = server_of(vector);
    CHECK(server.first().name == "user");
    CHECK(server.server_first() == vector.server_first);
    const auto last = parse_scram_final(vector.client_final);
    REQUIRE(last);
    CHECK(server.belongs(*last, ""));
    const ScramKeys keys = keys_of(vector, "pencil");
    CHECK(server.proves(*last, keys));
    CHECK(server.server_final(*last, keys) == vector.server_final);
    CHECK_FALSE(server.proves(*last, keys_of(vector, "pencils")));
    CHECK_FALSE(server.proves(*last, {}));
  }
}

TEST_CASE("scram: any changed character of the last message is refused") {
  for (const Vector& vector : kVectors) {
    const ScramServer server = server_of(vector);
    const ScramKeys keys = keys_of(vector, "pencil");
    for (std::size_t i = 0; i < vector.client_final.size(); ++i) {
      std::string changed = vector.client_final;
      changed[i] = changed[i] == 'A' ? 'B' : 'A';
      INFO(changed);
      const auto last = parse_scram_final(changed);
      CHECK_FALSE((last && server.belongs(*last, "") && server.proves(*last, keys)));
    }
    for (std::size_t length = 0; length < vector.client_final.size(); ++length) {
      const auto last = parse_scram_final(vector.client_final.substr(0, length));
      CHECK_FALSE((last && server.belongs(*last, "") && server.proves(*last, keys)));
    }
  }
}

TEST_CASE("scram: mechanisms are found in any case, and no others") {
  REQUIRE(find_scram("scram-sha-256-plus") != nullptr);
  CHECK(find_scram("scram-sha-256-plus")->plus);
  CHECK_FALSE(find_scram("SCRAM-SHA-256")->plus);
  CHECK(find_scram("SCRAM-SHA-1-PLUS")->digest == crypto::Digest::kSha1);
  for (const std::string_view other : {"", "SCRAM-SHA-512", "SCRAM-SHA-256-", "PLAIN"})
    CHECK(find_scram(other) == nullptr);
}

TEST_CASE("scram: first messages") {
  const auto first = parse_scram_first("p=tls-exporter,a=boss=2C=3D,n=u=3Ds=2Cr,r=abc,x=y");
  REQUIRE(first);
  CHECK(first->binding == Binding::kUsed);
  CHECK(first->binding_type == "tls-exporter");
  CHECK(first->authorization_id == "boss,=");
  CHECK(first->name == "u=s,r");
  CHECK(first->nonce == "abc");
  CHECK(first->gs2_header == "p=tls-exporter,a=boss=2C=3D,");
  CHECK(first->bare == "n=u=3Ds=2Cr,r=abc,x=y");
  CHECK(parse_scram_first("y,,n=u,r=a")->binding == Binding::kUnadvertised);
  CHECK(parse_scram_first("n,,n=j\xc3\xbcrgen@example.org,r=a")->name ==
        "j\xc3\xbcrgen@example.org");
}

TEST_CASE("scram: what is no first message is refused") {
  const std::string cases[] = {"",
                               ",",
                               ",,",
                               "n",
                               "n,",
                               "n,,",
                               "n,,n=u",
                               "n,,r=a",
                               "n,,r=a,n=u",
                               "n,,n=,r=a",
                               "n,,n=u,r=",
                               "n,,n=u,r=a,",
                               "n,,n=u,r=a,xy",
                               "n,,n=u,r=a,1=b",
                               "x,,n=u,r=a",
                               "p,,n=u,r=a",
                               "p=,,n=u,r=a",
                               "p=tls exporter,,n=u,r=a",
                               "p=" + std::string(33, 't') + ",,n=u,r=a",
                               "n,b,n=u,r=a",
                               "n,a=,n=u,r=a",
                               "n,a=a=b,n=u,r=a",
                               "n,,m=x,n=u,r=a",
                               "n,,n=u=2c,r=a",
                               "n,,n=u=,r=a",
                               "n,,n=u=4,r=a",
                               "n,,n=u,r=a b",
                               "n,,n=u,r=\x7f",
                               "n,,n=u\xff,r=a",
                               std::string("n,,n=u\0v,r=a", 12),
                               "n,,n=" + std::string(256, 'u') + ",r=a",
                               "n,,n=u,r=" + std::string(kScramNonceMax + 1, 'r'),
                               "n,,n=u,r=a" + std::string(5000, ' ')};
  for (const std::string& one : cases) {
    INFO(one);
    CHECK_FALSE(parse_scram_first(one));
  }
}

TEST_CASE("scram: what is no last message is refused") {
  for (const std::string_view one :
       {"", "c=biws", "c=biws,r=a", "c=biws,r=a,p=", "c=biws,r=a,p=AAA", "c=bi,r=a,p=AAAA",
        "r=a,c=biws,p=AAAA", "c=biws,p=AAAA", "c=biws,r=,p=AAAA", "c=biws,r=a,q,p=AAAA",
        "c=biws,r=a,p=AAAA,x=y", "c=biws,r=a b,p=AAAA"}) {
    INFO(one);
    CHECK_FALSE(parse_scram_final(one));
  }
  const auto extended = parse_scram_final("c=biws,r=a,x=1,p=AAAA");
  REQUIRE(extended);
  CHECK(extended->without_proof == "c=biws,r=a,x=1");
}

TEST_CASE("scram: channel binding data is compared") {
  const ScramServer server(*find_scram("SCRAM-SHA-256-PLUS"),
                           parse_scram_first("p=tls-exporter,,n=u,r=a").value(), "b", "salt", 4096);
  const auto final_with = [](std::string_view data) {
    return parse_scram_final("c=" + base64_encode(data) + ",r=ab,p=AAAA").value();
  };
  CHECK(server.belongs(final_with("p=tls-exporter,,BINDING"), "BINDING"));
  CHECK_FALSE(server.belongs(final_with("p=tls-exporter,,BINDINg"), "BINDING"));
  CHECK_FALSE(server.belongs(final_with("p=tls-exporter,,"), "BINDING"));
  CHECK_FALSE(server.belongs(final_with("n,,"), "BINDING"));
  CHECK_FALSE(server.belongs(final_with("y,,BINDING"), "BINDING"));
  CHECK_FALSE(server.belongs(
      parse_scram_final("c=" + base64_encode("p=tls-exporter,,BINDING") + ",r=a,p=AAAA").value(),
      "BINDING"));
}

TEST_CASE("saslprep: the examples of RFC 4013 section 3") {
  CHECK(saslprep("I\xc2\xadX") == "IX");
  CHECK(saslprep("user") == "user");
  CHECK(saslprep("USER") == "USER");
  CHECK(saslprep("\xc2\xaa") == "a");
  CHECK(saslprep("\xe2\x85\xa8") == "IX");
  CHECK_FALSE(saslprep("\x07"));
  CHECK_FALSE(saslprep("\xd8\xa7\x31"));  // right-to-left, but ends in a digit
}

TEST_CASE("saslprep: other spaces become spaces, what is no UTF-8 is refused") {
  CHECK(saslprep("") == "");
  CHECK(saslprep("a b") == "a b");
  CHECK(saslprep("a\xc2\xa0"
                 "b") == "a b");
  CHECK(saslprep("e\xcc\x81") == "\xc3\xa9");
  CHECK(saslprep("\xf0\x9f\x94\x91") == "\xf0\x9f\x94\x91");  // newer than Unicode 3.2
  CHECK_FALSE(saslprep("\xff"));
  CHECK_FALSE(saslprep("a\x7f"));
  // The longest growth there is: eighteen for one.
  CHECK(saslprep("\xef\xb7\xba")->size() > 18);
}

}  // namespace hauspost::sasl
