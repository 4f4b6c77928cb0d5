#include "transport/resolve/srs.h"

#include <catch2/catch.hpp>

#include "base/text.h"

using namespace hauspost;
using namespace hauspost::transport;

namespace {

constexpr WallTime kNow{std::chrono::seconds(1795288500)};  // 21 Nov 2026
constexpr std::chrono::days kDay{1};

std::string local_of(const std::string& address) { return address.substr(0, address.rfind('@')); }

Srs make(const std::string& secret) { return Srs({secret}); }

}  // namespace

TEST_CASE("srs: a rewritten sender leads back to whom it was made from") {
  const Srs srs = make("sixteen octets at least");
  const auto rewritten = srs.rewrite("Anna.Example@example.net", "ours.example", kNow);
  REQUIRE(rewritten);
  CAPTURE(*rewritten);
  CHECK(rewritten->starts_with("SRS0="));
  CHECK(rewritten->ends_with("=example.net=Anna.Example@ours.example"));
  CHECK(is_srs(local_of(*rewritten)));
  CHECK(srs.reverse(local_of(*rewritten), kNow) == "Anna.Example@example.net");
  // Local parts that hold what separates the others.
  for (const std::string sender : {"a=b=c@example.net", "srs@example.net", "x+y-z@example.net"}) {
    const auto there = srs.rewrite(sender, "ours.example", kNow);
    REQUIRE(there);
    CHECK(srs.reverse(local_of(*there), kNow) == sender);
  }
}

TEST_CASE("srs: hosts on the way may change its case") {
  const Srs srs = make("sixteen octets at least");
  const std::string local = local_of(*srs.rewrite("anna@example.net", "ours.example", kNow));
  CHECK(srs.reverse(ascii_lower(local), kNow) == "anna@example.net");
  std::string upper = local;
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  const auto back = srs.reverse(upper, kNow);
  REQUIRE(back);
  CHECK(iequals(*back, "anna@example.net"));
}

TEST_CASE("srs: what others forwarded before is rewritten to SRS1, once") {
  const Srs one = make("the secret of one.example");
  const Srs two = make("the secret of two.example");
  const Srs three = make("the secret of three.example");
  const std::string first = *one.rewrite("anna@example.net", "one.example", kNow);
  const std::string second = *two.rewrite(first, "two.example", kNow);
  CHECK(second.starts_with("SRS1="));
  CHECK(second.find("=one.example==") != std::string::npos);
  const std::string third = *three.rewrite(second, "three.example", kNow);
  CHECK(third.find("two.example") == std::string::npos);
  // The third asks the first, who knows the sender.
  const auto asked = three.reverse(local_of(third), kNow);
  REQUIRE(asked);
  CHECK(*asked == first);
  CHECK(one.reverse(local_of(*asked), kNow) == "anna@example.net");
}

TEST_CASE("srs: nothing is believed that was not signed here") {
  const Srs srs = make("sixteen octets at least");
  const std::string local = local_of(*srs.rewrite("anna@example.net", "ours.example", kNow));
  CHECK(make("another secret of us").reverse(local, kNow).error().code == ErrorCode::kDenied);
  for (std::size_t i = 5; i < local.size(); ++i) {
    std::string forged = local;
    forged[i] = forged[i] == 'q' ? 'r' : 'q';
    CAPTURE(forged);
    CHECK_FALSE(srs.reverse(forged, kNow));
  }
}

TEST_CASE("srs: a report is taken for three weeks") {
  const Srs srs = make("sixteen octets at least");
  const std::string local = local_of(*srs.rewrite("anna@example.net", "ours.example", kNow));
  CHECK(srs.reverse(local, kNow + 21 * kDay));
  CHECK(srs.reverse(local, kNow + 22 * kDay).error().code == ErrorCode::kNotFound);
  CHECK(srs.reverse(local, kNow - kDay));  // a clock that is behind
  CHECK_FALSE(srs.reverse(local, kNow - 2 * kDay));
}

TEST_CASE("srs: after a change of the secret the old one is still believed") {
  const std::string local =
      local_of(*make("the secret of last year").rewrite("a@example.net", "ours.example", kNow));
  const Srs both({"the secret of this year", "the secret of last year"});
  CHECK(both.reverse(local, kNow) == "a@example.net");
  const std::string fresh = local_of(*both.rewrite("a@example.net", "ours.example", kNow));
  CHECK(make("the secret of this year").reverse(fresh, kNow));
}

TEST_CASE("srs: what is no such address is malformed") {
  const Srs srs = make("sixteen octets at least");
  const std::string text = GENERATE(
      as<std::string>(), "", "anna", "SRS0", "SRS0=", "SRS0=abcdef", "SRS0=abcdef=jm",
      "SRS0=abcdef=jm=example.net", "SRS0=abcdef=jm==anna",
      "SRS0=abcdef=jm=example.net=", "SRS1=abcdef=one.example", "SRS1=abcdef=one.example=x",
      "SRS2=abcdef=jm=example.net=anna", "SRS0.abcdef=jm=example.net=anna");
  CAPTURE(text);
  CHECK(srs.reverse(text, kNow).error().code == ErrorCode::kInvalid);
}

TEST_CASE("srs: a sender that would become too long is not rewritten") {
  const Srs srs = make("sixteen octets at least");
  // "SRS0=" 6 "=" 2 "=" host "=" local: 16 octets and both.
  const std::string host = "example.net";
  CHECK(srs.rewrite(std::string(64 - 16 - host.size(), 'l') + "@" + host, "ours.example", kNow));
  CHECK_FALSE(
      srs.rewrite(std::string(65 - 16 - host.size(), 'l') + "@" + host, "ours.example", kNow));
  CHECK_FALSE(srs.rewrite("nobody", "ours.example", kNow));
  CHECK_FALSE(srs.rewrite("@example.net", "ours.example", kNow));
}

TEST_CASE("srs: secrets are lines of a file, long enough to be some") {
  const auto secrets =
      srs_secrets("# made 2026\nsixteen octets at least\nshort\n\nand another one!\n");
  REQUIRE(secrets);
  CHECK(*secrets == std::vector<std::string>{"sixteen octets at least", "and another one!"});
  CHECK(srs_secrets("short\n").error().code == ErrorCode::kNotFound);
}
