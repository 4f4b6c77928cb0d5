#include "transport/dns/sts_policy.h"

#include <catch2/catch.hpp>

#include <fstream>

#include "base/task_group.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/transport/map_resolver.h"
#include "transport/dns/sts_policies.h"

namespace {

using namespace hauspost;
using namespace hauspost::dns;
using hauspost::test::TempFolder;

class SetClock final : public Clock {
 public:
  WallTime now() const override { return WallTime(Seconds(1'795'288'500) + passed); }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::hours(1) + passed);
  }
  void pass(Seconds seconds) { passed += seconds; }
  Seconds passed{};
};

constexpr std::string_view kGood =
    "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\n"
    "mx: backupmx.example.com\r\nmax_age: 604800\r\n";
constexpr std::string_view kUrl = "https://mta-sts.a.test/.well-known/mta-sts.txt";

class Web final : public PolicyFetcher {
 public:
  std::string page;
  TlsFailure failure = TlsFailure::kNone;
  int asked = 0;
  Task<std::expected<std::string, Failure>> fetch(std::string url) override {
    CHECK(url == kUrl);
    ++asked;
    if (failure != TlsFailure::kNone) co_return std::unexpected(Failure{failure, "broken"});
    co_return page;
  }
};

Task<void> keep_sts(Task<StsAnswer> task, StsAnswer& into) { into = co_await std::move(task); }

struct Fixture {
  asio::io_context io;
  dns::test::MapResolver resolver;
  Web web;
  SetClock clock;
  TempFolder folder;
  StsPolicies::Options options{.folder = folder / "mta-sts"};
  std::optional<StsPolicies> policies;

  Fixture() {
    web.page = kGood;
    announce("1");
    open();
  }
  void open() {
    policies.reset();
    policies.emplace(io.get_executor(), resolver, web, clock, options);
  }
  void announce(const std::string& id) {
    resolver.txt_records["_mta-sts.a.test"] = {"v=STSv1; id=" + id + ";"};
  }
  StsAnswer find() {
    StsAnswer answer;
    TaskGroup tasks(io.get_executor());
    tasks.spawn("test", keep_sts(policies->find("a.test"), answer));
    io.restart();
    io.run();
    return answer;
  }
};

}  // namespace

TEST_CASE("sts policy: the file of RFC 8461 reads", "[dns]") {
  const auto policy = parse_sts_policy(kGood);
  REQUIRE(policy);
  CHECK(policy->mode == StsPolicy::Mode::kEnforce);
  CHECK(policy->mx ==
        std::vector<std::string>{"mail.example.com", "*.example.net", "backupmx.example.com"});
  CHECK(policy->max_age == Seconds(604'800));
  std::string again;
  for (const std::string& line : lines_of(*policy)) again += line + "\n";
  CHECK(parse_sts_policy(again).value() == *policy);
}

TEST_CASE("sts policy: files that are none are refused", "[dns]") {
  const auto reads = [](std::string_view text) { return parse_sts_policy(text).has_value(); };
  CHECK(reads("version:STSv1\nmode:none\nmax_age:0"));
  CHECK(reads("version: STSv1\nunknown: x\nmode: testing\nmx: A.Test\nmax_age: 1\n\n"));
  CHECK_FALSE(reads(""));
  CHECK_FALSE(reads("version: STSv2\nmode: none\nmax_age: 1\n"));
  CHECK_FALSE(reads("mode: none\nmax_age: 1\n"));
  CHECK_FALSE(reads("version: STSv1\nmax_age: 1\n"));
  CHECK_FALSE(reads("version: STSv1\nmode: none\n"));
  CHECK_FALSE(reads("version: STSv1\nmode: enforce\nmax_age: 1\n"));
  CHECK_FALSE(reads("version: STSv1\nmode: Enforce\nmx: a.test\nmax_age: 1\n"));
  CHECK_FALSE(reads("version: STSv1\nmode: enforce\nmx: a..test\nmax_age: 1\n"));
  CHECK_FALSE(reads("version: STSv1\nmode: enforce\nmx: *.*.test\nmax_age: 1\n"));
  CHECK_FALSE(reads("version: STSv1\nmode: enforce\nmx: a.test\nmax_age: -1\n"));
  CHECK_FALSE(reads("version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 99999999999\n"));
  CHECK_FALSE(reads("<html>not found</html>"));
  CHECK_FALSE(reads(std::string(kStsPolicyBytesMax + 1, '\n')));
  const auto long_lived = parse_sts_policy("version: STSv1\nmode: none\nmax_age: 9999999999\n");
  REQUIRE(long_lived);
  CHECK(long_lived->max_age == kStsMaxAgeMost);
}

TEST_CASE("sts policy: the record gives its id or nothing", "[dns]") {
  using Records = std::vector<std::string>;
  CHECK(sts_id(Records{"v=STSv1; id=20160831085700Z;"}) == "20160831085700Z");
  CHECK(sts_id(Records{"v=spf1 -all", "v=STSv1;id=x"}) == "x");
  CHECK(sts_id(Records{"v=STSv1; other=1; id=x"}) == "x");
  CHECK_FALSE(sts_id(Records{}));
  CHECK_FALSE(sts_id(Records{"v=STSv1; id=1", "v=STSv1; id=2"}));
  CHECK_FALSE(sts_id(Records{"v=STSv1"}));
  CHECK_FALSE(sts_id(Records{"v=STSv10; id=1"}));
  CHECK_FALSE(sts_id(Records{"v=STSv1; id=with-dash"}));
  CHECK_FALSE(sts_id(Records{"v=STSv1; id=" + std::string(33, 'a')}));
}

TEST_CASE("sts policy: a star stands for one label", "[dns]") {
  const auto policy = parse_sts_policy(kGood);
  REQUIRE(policy);
  CHECK(allows(*policy, "mail.example.com"));
  CHECK(allows(*policy, "mx1.example.net"));
  CHECK_FALSE(allows(*policy, "example.net"));
  CHECK_FALSE(allows(*policy, ".example.net"));
  CHECK_FALSE(allows(*policy, "a.b.example.net"));
  CHECK_FALSE(allows(*policy, "mail.example.com.evil.test"));
}

TEST_CASE("sts policies: a policy is fetched once for an id", "[dns]") {
  Fixture fixture;
  REQUIRE(fixture.find().policy);
  REQUIRE(fixture.find().policy);
  CHECK(fixture.web.asked == 1);
  fixture.announce("2");
  REQUIRE(fixture.find().policy);
  CHECK(fixture.web.asked == 2);
}

TEST_CASE("sts policies: a kept policy survives restarts and a silent DNS", "[dns]") {
  Fixture fixture;
  REQUIRE(fixture.find().policy);
  fixture.open();
  fixture.web.failure = TlsFailure::kStsWebpkiInvalid;
  fixture.resolver.txt_records.clear();
  CHECK(fixture.find().policy);
  fixture.announce("2");
  const StsAnswer unrenewed = fixture.find();
  CHECK(unrenewed.policy);
  CHECK(unrenewed.failure == TlsFailure::kStsWebpkiInvalid);
  fixture.clock.pass(Seconds(604'800));
  CHECK_FALSE(fixture.find().policy);
}

TEST_CASE("sts policies: a fetch that failed waits before the next", "[dns]") {
  Fixture fixture;
  fixture.web.page = "version: nonsense";
  const StsAnswer answer = fixture.find();
  CHECK_FALSE(answer.policy);
  CHECK(answer.failure == TlsFailure::kStsPolicyInvalid);
  fixture.find();
  CHECK(fixture.web.asked == 1);
  fixture.clock.pass(Seconds(301));
  fixture.web.page = kGood;
  CHECK(fixture.find().policy);
  CHECK(fixture.web.asked == 2);
}

TEST_CASE("sts policies: a policy is renewed daily without a new id", "[dns]") {
  Fixture fixture;
  fixture.find();
  fixture.clock.pass(Seconds(86'401));
  fixture.web.page = "version: STSv1\nmode: none\nmax_age: 60\n";
  const StsAnswer answer = fixture.find();
  REQUIRE(answer.policy);
  CHECK(answer.policy->mode == StsPolicy::Mode::kNone);
}

TEST_CASE("sts policies: damaged files are fetched anew, forgotten ones too", "[dns]") {
  Fixture fixture;
  fixture.find();
  CHECK(fixture.policies->kept().size() == 1);
  std::ofstream(fixture.folder / "mta-sts/a.test", std::ios::trunc) << "id: 1\n";
  fixture.open();
  CHECK(fixture.policies->kept().empty());
  CHECK(fixture.find().policy);
  CHECK(fixture.policies->forget("b.test") == 0);
  CHECK(fixture.policies->forget("") == 1);
  fixture.open();
  CHECK(fixture.policies->kept().empty());
}
