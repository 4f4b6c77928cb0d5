#include "server/auth/login_defence.h"

#include <catch2/catch.hpp>

#include "tests/unit/auth/fake_clock.h"

namespace hauspost::auth {
namespace {

struct Fixture {
  directory::DefenceRules rules{.failures_max = 3,
                                .account_failures_max = 8,
                                .period_s = 600,
                                .block_s = 60,
                                .longest_block_s = 200,
                                .allowed = {}};
  test::FakeClock clock;
  LoginDefence defence{clock, [this] { return rules; }};
  int number = 0;

  void fail(const std::string& address, int times, const std::string& account = "") {
    for (int i = 0; i < times; ++i)
      defence.failed(address, account, "guess" + std::to_string(number++));
  }
  bool allows(const std::string& address, const std::string& account = "somebody@example.org") {
    return defence.refusal(address, account).empty();
  }
};

}  // namespace

TEST_CASE("auth defence: an address is blocked, for longer each time, and comes in again") {
  Fixture fixture;
  fixture.fail("192.0.2.1", 3);
  CHECK(fixture.allows("192.0.2.1"));
  fixture.fail("192.0.2.1", 1);
  CHECK(fixture.defence.refusal("192.0.2.1", "x") == "address_blocked");
  CHECK_FALSE(fixture.allows("::ffff:192.0.2.1"));
  CHECK(fixture.allows("192.0.2.2"));
  for (const int seconds : {60, 120, 200, 200}) {
    INFO(seconds);
    fixture.clock.advance(std::chrono::seconds(seconds - 1));
    CHECK_FALSE(fixture.allows("192.0.2.1"));
    fixture.clock.advance(std::chrono::seconds(1));
    CHECK(fixture.allows("192.0.2.1"));
    fixture.fail("192.0.2.1", 4);
  }
  // Long after, the first block is short again.
  fixture.clock.advance(std::chrono::hours(1));
  fixture.fail("192.0.2.1", 4);
  CHECK_FALSE(fixture.allows("192.0.2.1"));
  fixture.clock.advance(std::chrono::seconds(60));
  CHECK(fixture.allows("192.0.2.1"));
}

TEST_CASE("auth defence: the networks around an address count too, IPv6 by its /64") {
  Fixture fixture;
  for (const std::string host : {"1", "2", "3"}) fixture.fail("192.0.2." + host, 3);
  CHECK(fixture.allows("192.0.2.62"));
  fixture.fail("192.0.2.4", 1);  // ten of the /26
  CHECK_FALSE(fixture.allows("192.0.2.62"));
  CHECK(fixture.allows("192.0.2.65"));
  fixture.fail("2001:db8::1", 2);
  fixture.fail("2001:db8::2", 2);
  CHECK_FALSE(fixture.allows("2001:db8::3"));
  CHECK(fixture.allows("2001:db8:0:1::1"));
}

TEST_CASE("auth defence: one failure is forgiven each period") {
  Fixture fixture;
  for (int i = 0; i < 20; ++i) {
    fixture.fail("192.0.2.1", 1);
    fixture.clock.advance(std::chrono::seconds(600));
  }
  CHECK(fixture.allows("192.0.2.1"));
  fixture.fail("192.0.2.1", 4);
  CHECK_FALSE(fixture.allows("192.0.2.1"));
}

TEST_CASE("auth defence: an account is blocked for strangers, not for who has logged in") {
  Fixture fixture;
  fixture.defence.succeeded("198.51.100.9", "owner@example.org");
  for (int i = 0; i < 9; ++i)
    fixture.fail("203.0." + std::to_string(i * 8) + ".1", 1, "owner@example.org");
  CHECK(fixture.defence.refusal("192.0.2.200", "Owner@Example.org") == "account_blocked");
  CHECK(fixture.allows("198.51.100.9", "owner@example.org"));
  CHECK(fixture.allows("192.0.2.200", "other@example.org"));
}

TEST_CASE("auth defence: the same wrong password again counts once") {
  Fixture fixture;
  for (int i = 0; i < 50; ++i) fixture.defence.failed("192.0.2.1", "a@example.org", "old one");
  CHECK(fixture.allows("192.0.2.1"));
  // Of another account it is another guess: one password tried on everybody.
  for (int i = 0; i < 4; ++i)
    fixture.defence.failed("192.0.2.1", "b" + std::to_string(i), "old one");
  CHECK_FALSE(fixture.allows("192.0.2.1"));
  // Where the password is not known, each counts.
  for (int i = 0; i < 4; ++i) fixture.defence.failed("192.0.2.100", "c@example.org", "");
  CHECK_FALSE(fixture.allows("192.0.2.100"));
}

TEST_CASE("auth defence: who is on the allow-list is never blocked") {
  Fixture fixture;
  fixture.rules.allowed = {Network::parse("127.0.0.0/8").value()};
  fixture.fail("127.0.0.1", 100, "a@example.org");
  CHECK(fixture.allows("127.0.0.1", "a@example.org"));
  CHECK(fixture.defence.blocks().empty());
  fixture.rules.allowed.clear();
  fixture.fail("127.0.0.1", 4);
  CHECK_FALSE(fixture.allows("127.0.0.1"));
}

TEST_CASE("auth defence: blocks are listed and lifted") {
  Fixture fixture;
  fixture.fail("192.0.2.1", 4);
  fixture.clock.advance(std::chrono::seconds(1));
  fixture.fail("2001:db8::1", 4);
  auto blocks = fixture.defence.blocks();
  REQUIRE(blocks.size() == 2);
  CHECK(blocks[0].subject == "2001:db8::/64");
  CHECK(blocks[0].last_client == "2001:db8::1");
  CHECK(blocks[1].subject == "192.0.2.1");
  CHECK(blocks[1].until - blocks[1].since == std::chrono::seconds(60));
  CHECK(blocks[1].times == 1);
  CHECK_FALSE(blocks[1].account);
  CHECK(fixture.defence.lift("192.0.2.9") == 0);
  CHECK(fixture.defence.lift("2001:db8::77") == 1);  // the network around it
  CHECK(fixture.allows("2001:db8::1"));
  CHECK(fixture.defence.lift("") == 1);
  CHECK(fixture.allows("192.0.2.1"));
  CHECK(fixture.defence.blocks().empty());
}

}  // namespace hauspost::auth
