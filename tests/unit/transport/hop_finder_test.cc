#include "transport/dns/hop_finder.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include "base/task_group.h"
#include "tests/unit/transport/map_resolver.h"
#include "transport/dns/sts_policies.h"

namespace {

using namespace hauspost;
using namespace hauspost::dns;
using Level = TlsPolicy::Level;

class Fetched final : public PolicyFetcher {
 public:
  std::map<std::string, std::string> pages;
  std::vector<std::string> urls;
  Task<std::expected<std::string, Failure>> fetch(std::string url) override {
    urls.push_back(url);
    const auto page = pages.find(url);
    if (page == pages.end())
      co_return std::unexpected(Failure{TlsFailure::kStsPolicyFetchError, "no such page"});
    co_return page->second;
  }
};

class Heard final : public TlsResults {
 public:
  std::vector<std::string> lines;
  void record(const TlsResult& result) override {
    lines.push_back(std::string(to_string(result.failure)) + " " +
                    std::string(result.receiving_host));
  }
};

Task<void> keep(Task<HopAnswer> task, std::optional<HopAnswer>& into) {
  into = co_await std::move(task);
}

struct World {
  asio::io_context io;
  test::MapResolver dns;
  Fetched web;
  Heard heard;
  StsPolicies policies{io.get_executor(), dns, web, system_clock(), {}};
  HopOptions options{.own_names = {"mail.ours.test"}, .own_addresses = {"192.0.2.99"}};

  World() { dns.authentic = false; }

  HopAnswer run(Task<HopAnswer> task) {
    std::optional<HopAnswer> answer;
    TaskGroup tasks(io.get_executor());
    tasks.spawn("test", keep(std::move(task), answer));
    io.restart();
    io.run();
    REQUIRE(answer.has_value());
    return *answer;
  }
  HopAnswer find(const std::string& domain, bool require_tls = false) {
    HopFinder finder(dns, &policies, options, heard);
    return run(finder.find(domain, require_tls));
  }
  HopAnswer find_host(const std::string& name) {
    HopFinder finder(dns, &policies, options, heard);
    return run(finder.find_host(name));
  }
  void host(const std::string& name, const std::string& address) {
    dns.a_records[name] = {address};
  }
  void sts(const std::string& domain, const std::string& mode, const std::string& mx) {
    dns.txt_records["_mta-sts." + domain] = {"v=STSv1; id=1;"};
    web.pages["https://mta-sts." + domain + "/.well-known/mta-sts.txt"] =
        "version: STSv1\r\nmode: " + mode + "\r\nmx: " + mx + "\r\nmax_age: 86400\r\n";
  }
};

std::string names(const HopAnswer& answer) {
  std::string all;
  for (const Host& host : answer.hosts) all += (all.empty() ? "" : " ") + host.name;
  return all;
}

const Tlsa kUsable{3, 1, 1, std::string(32, 'k')};

}  // namespace

TEST_CASE("hop finder: MX hosts come by preference, equal ones in any order", "[dns]") {
  World world;
  world.dns.mx_records["a.test"] = {{20, "far.test"}, {10, "one.test"}, {10, "two.test"}};
  world.host("far.test", "192.0.2.3");
  world.host("one.test", "192.0.2.1");
  world.host("two.test", "192.0.2.2");
  std::set<std::string> seen;
  for (int i = 0; i < 64; ++i) seen.insert(names(world.find("A.test.")));
  CHECK(seen == std::set<std::string>{"one.test two.test far.test", "two.test one.test far.test"});
}

TEST_CASE("hop finder: a domain without MX is its own host", "[dns]") {
  World world;
  world.host("a.test", "192.0.2.1");
  world.dns.aaaa_records["a.test"] = {"2001:db8::1"};
  const HopAnswer answer = world.find("a.test");
  REQUIRE(answer.hosts.size() == 2);
  CHECK(answer.hosts[0].address == "2001:db8::1");
  CHECK(answer.hosts[1].address == "192.0.2.1");
  CHECK(answer.hosts[1].port == 25);
  CHECK(answer.hosts[1].tls.level == Level::kOpportunistic);
}

TEST_CASE("hop finder: a failed MX question is no reason for an implicit MX", "[dns]") {
  World world;
  world.host("a.test", "192.0.2.1");
  world.dns.broken_of = {"MX a.test"};
  const HopAnswer answer = world.find("a.test");
  CHECK(answer.kind == HopAnswer::Kind::kTemporary);
  CHECK(answer.status == "4.4.3");
}

TEST_CASE("hop finder: what cannot be delivered says why", "[dns]") {
  World world;
  world.dns.mx_records["null.test"] = {{0, ""}};
  world.dns.mx_records["lost.test"] = {{10, "nowhere.test"}};
  world.dns.mx_records["loop.test"] = {{10, "mail.ours.test"}};
  world.dns.mx_records["loop-by-address.test"] = {{10, "alias.test"}};
  world.host("alias.test", "192.0.2.99");
  world.host("mail.ours.test", "192.0.2.99");
  world.dns.names = {"empty.test"};
  const auto status = [&](const char* domain) {
    const HopAnswer answer = world.find(domain);
    CHECK(answer.kind == HopAnswer::Kind::kPermanent);
    return answer.status;
  };
  CHECK(status("null.test") == "5.1.10");
  CHECK(status("nobody.test") == "5.1.2");
  CHECK(status("lost.test") == "5.4.4");
  CHECK(status("empty.test") == "5.4.4");
  CHECK(status("loop.test") == "5.4.6");
  CHECK(status("loop-by-address.test") == "5.4.6");
}

TEST_CASE("hop finder: mail never goes to hosts that come after ourselves", "[dns]") {
  World world;
  world.dns.mx_records["a.test"] = {
      {10, "best.test"}, {20, "MAIL.ours.test"}, {20, "peer.test"}, {30, "last.test"}};
  world.dns.mx_records["b.test"] = {{10, "best.test"}, {20, "peer.test"}, {20, "us.test"}};
  for (const char* name : {"best.test", "peer.test", "last.test"}) world.host(name, "192.0.2.1");
  world.host("us.test", "192.0.2.99");
  CHECK(names(world.find("a.test")) == "best.test");
  for (int i = 0; i < 16; ++i) CHECK(names(world.find("b.test")) == "best.test");
}

TEST_CASE("hop finder: one host's failure leaves the others", "[dns]") {
  World world;
  world.dns.mx_records["a.test"] = {{10, "broken.test"}, {20, "good.test"}};
  world.dns.broken = {"broken.test"};
  CHECK(world.find("a.test").status == "4.4.3");
  world.host("good.test", "192.0.2.1");
  CHECK(names(world.find("a.test")) == "good.test");
  world.dns.broken = {};
  world.dns.broken_of = {"AAAA good.test"};
  CHECK(names(world.find("a.test")) == "good.test");
}

TEST_CASE("hop finder: hosts and addresses have limits", "[dns]") {
  World world;
  for (int i = 0; i < 200; ++i) {
    const std::string name = "h" + std::to_string(i) + ".test";
    world.dns.mx_records["a.test"].push_back({10, name});
    for (int j = 1; j < 100; ++j)
      world.dns.a_records[name].push_back("192.0.2." + std::to_string(j));
  }
  world.options.own_addresses.clear();
  CHECK(world.find("a.test").hosts.size() == 50 * 10);
}

TEST_CASE("hop finder: an address literal is asked of nobody", "[dns]") {
  World world;
  CHECK(world.find("[192.0.2.7]").hosts.at(0).address == "192.0.2.7");
  CHECK(world.find("[IPv6:2001:db8::7]").hosts.at(0).address == "2001:db8::7");
  CHECK(world.find_host("192.0.2.7").hosts.at(0).address == "192.0.2.7");
  CHECK(world.dns.asked.empty());
}

TEST_CASE("hop finder: TLSA records count where every answer is authentic", "[dns]") {
  World world;
  world.dns.authentic = true;
  world.dns.mx_records["a.test"] = {{10, "mx.test"}};
  world.host("mx.test", "192.0.2.1");
  world.dns.tlsa_records["_25._tcp.mx.test"] = {kUsable, {1, 1, 1, std::string(32, 'p')}};
  const TlsPolicy tls = world.find("a.test").hosts.at(0).tls;
  CHECK(tls.level == Level::kDane);
  CHECK(tls.source == "dane");
  REQUIRE(tls.tlsa.size() == 1);
  CHECK(tls.tlsa[0].usage == 3);
  CHECK(tls.names == std::vector<std::string>{"mx.test", "a.test"});
  CHECK(tls.facts.kind == PolicyFacts::Kind::kTlsa);
  CHECK(tls.facts.strings.size() == 2);
  for (const char* unsigned_name : {"a.test", "mx.test", "_25._tcp.mx.test"}) {
    world.dns.unsigned_names = {unsigned_name};
    CHECK(world.find("a.test").hosts.at(0).tls.level == Level::kOpportunistic);
  }
}

TEST_CASE("hop finder: unusable TLSA records still ask for TLS", "[dns]") {
  World world;
  world.dns.authentic = true;
  world.host("a.test", "192.0.2.1");
  world.dns.tlsa_records["_25._tcp.a.test"] = {{0, 0, 1, std::string(32, 'x')},
                                               {3, 1, 1, "short"},
                                               {3, 2, 1, std::string(32, 'x')},
                                               {3, 1, 7, std::string(32, 'x')}};
  const TlsPolicy tls = world.find("a.test").hosts.at(0).tls;
  CHECK(tls.level == Level::kRequired);
  CHECK(tls.tlsa.empty());
}

TEST_CASE("hop finder: a host whose TLSA records cannot be had is left out", "[dns]") {
  World world;
  world.dns.authentic = true;
  world.dns.mx_records["a.test"] = {{10, "bad.test"}, {20, "good.test"}};
  world.host("bad.test", "192.0.2.1");
  world.dns.broken_of = {"TLSA _25._tcp.bad.test"};
  const HopAnswer none = world.find("a.test");
  CHECK(none.kind == HopAnswer::Kind::kTemporary);
  CHECK(none.status == "4.7.5");
  world.host("good.test", "192.0.2.2");
  CHECK(names(world.find("a.test")) == "good.test");
  CHECK(world.heard.lines.front() == "dnssec-invalid bad.test");
}

TEST_CASE("hop finder: TLSA below the end of a CNAME chain goes first", "[dns]") {
  World world;
  world.dns.authentic = true;
  world.dns.mx_records["a.test"] = {{10, "mx.test"}};
  world.dns.aliases["mx.test"] = "real.test";
  world.host("real.test", "192.0.2.1");
  world.dns.tlsa_records["_25._tcp.mx.test"] = {kUsable};
  CHECK(world.find("a.test").hosts.at(0).tls.names.front() == "mx.test");
  world.dns.tlsa_records["_25._tcp.real.test"] = {kUsable};
  CHECK(world.find("a.test").hosts.at(0).tls.names.front() == "real.test");
}

TEST_CASE("hop finder: an enforced STS policy excludes hosts and names the others", "[dns]") {
  World world;
  world.dns.mx_records["a.test"] = {{10, "evil.test"}, {20, "mx.a.test"}};
  world.host("evil.test", "192.0.2.1");
  world.host("mx.a.test", "192.0.2.2");
  world.sts("a.test", "enforce", "*.a.test");
  const HopAnswer answer = world.find("a.test");
  CHECK(names(answer) == "mx.a.test");
  CHECK(answer.hosts[0].tls.level == Level::kName);
  CHECK(answer.hosts[0].tls.names == std::vector<std::string>{"mx.a.test"});
  CHECK(answer.hosts[0].tls.source == "sts");
  CHECK(world.heard.lines == std::vector<std::string>{"validation-failure evil.test"});
  world.dns.mx_records["a.test"].pop_back();
  CHECK(world.find("a.test").status == "4.7.5");
  CHECK(world.web.urls.size() == 1);
}

TEST_CASE("hop finder: an STS policy in test only reports", "[dns]") {
  World world;
  world.dns.mx_records["a.test"] = {{10, "evil.test"}, {20, "mx.a.test"}};
  world.host("evil.test", "192.0.2.1");
  world.host("mx.a.test", "192.0.2.2");
  world.sts("a.test", "testing", "mx.a.test");
  const HopAnswer answer = world.find("a.test");
  CHECK(names(answer) == "evil.test mx.a.test");
  CHECK(answer.hosts[0].tls.source.empty());
  CHECK(answer.hosts[1].tls.level == Level::kOpportunistic);
  CHECK(answer.hosts[1].tls.testing);
  CHECK(world.heard.lines == std::vector<std::string>{"validation-failure evil.test"});
}

TEST_CASE("hop finder: DANE goes before MTA-STS", "[dns]") {
  World world;
  world.dns.authentic = true;
  world.dns.mx_records["a.test"] = {{10, "mx.a.test"}};
  world.host("mx.a.test", "192.0.2.2");
  world.dns.tlsa_records["_25._tcp.mx.a.test"] = {kUsable};
  world.sts("a.test", "enforce", "other.test");
  CHECK(world.find("a.test").hosts.at(0).tls.level == Level::kDane);
}

TEST_CASE("hop finder: unusable TLSA records are no way round an enforced policy", "[dns]") {
  World world;
  world.dns.authentic = true;
  world.dns.mx_records["a.test"] = {{10, "mx.a.test"}};
  world.host("mx.a.test", "192.0.2.2");
  world.dns.tlsa_records["_25._tcp.mx.a.test"] = {{1, 1, 1, std::string(32, 'x')}};
  world.sts("a.test", "enforce", "mx.a.test");
  const TlsPolicy tls = world.find("a.test").hosts.at(0).tls;
  CHECK(tls.level == Level::kName);
  CHECK(tls.names == std::vector<std::string>{"mx.a.test"});
}

TEST_CASE("hop finder: REQUIRETLS goes to proven hosts alone", "[dns]") {
  World world;
  world.dns.mx_records["a.test"] = {{10, "mx.a.test"}};
  world.host("mx.a.test", "192.0.2.2");
  const HopAnswer unproven = world.find("a.test", true);
  CHECK(unproven.kind == HopAnswer::Kind::kPermanent);
  CHECK(unproven.status == "5.7.10");
  SECTION("by MTA-STS") {
    world.sts("a.test", "enforce", "mx.a.test");
    CHECK(world.find("a.test", true).hosts.at(0).tls.level == Level::kName);
  }
  SECTION("by DNSSEC") {
    world.dns.authentic = true;
    const TlsPolicy tls = world.find("a.test", true).hosts.at(0).tls;
    CHECK(tls.level == Level::kName);
    CHECK(tls.names == std::vector<std::string>{"mx.a.test"});
  }
  CHECK(world.find("[192.0.2.1]", true).status == "5.7.10");
}

TEST_CASE("hop finder: a smart host is asked for no MX", "[dns]") {
  World world;
  world.dns.mx_records["relay.test"] = {{10, "other.test"}};
  world.host("relay.test", "192.0.2.1");
  CHECK(names(world.find_host("Relay.test")) == "relay.test");
  CHECK(world.find_host("gone.test").status == "5.4.4");
  world.dns.authentic = true;
  world.dns.tlsa_records["_25._tcp.relay.test"] = {kUsable};
  CHECK(world.find_host("relay.test").hosts.at(0).tls.level == Level::kDane);
}

TEST_CASE("hop finder: a smart host may be this machine", "[dns]") {
  World world;
  world.host("mail.ours.test", "192.0.2.99");
  CHECK(names(world.find_host("mail.ours.test")) == "mail.ours.test");
  CHECK(world.find("mail.ours.test").status == "5.4.6");
}

TEST_CASE("hop finder: domains and smart hosts may be asked of different servers", "[dns]") {
  World world;
  test::MapResolver inside;
  world.host("a.test", "198.51.100.1");
  inside.a_records["a.test"] = {"192.0.2.1"};
  HopFinder finder(world.dns, nullptr, world.options, world.heard);
  finder.ask_about_hosts(inside);
  CHECK(world.run(finder.find_host("a.test")).hosts.at(0).address == "192.0.2.1");
  CHECK(world.run(finder.find("a.test")).hosts.at(0).address == "198.51.100.1");
}

TEST_CASE("hop finder: an STS policy that cannot be had is reported and asks for nothing", "[dns]") {
  World world;
  world.dns.mx_records["a.test"] = {{10, "mx.a.test"}};
  world.host("mx.a.test", "192.0.2.2");
  world.sts("a.test", "enforce", "mx.a.test");
  world.web.pages.clear();
  const HopAnswer answer = world.find("a.test");
  CHECK(answer.hosts.at(0).tls.level == Level::kOpportunistic);
  CHECK(world.heard.lines == std::vector<std::string>{"sts-policy-fetch-error "});
}
