// DMARC: records, policies, alignment.
#include <catch2/catch.hpp>

#include "mailauth_rig.h"

namespace hauspost::mailauth::test {

namespace {

const PublicSuffixes& suffixes() {
  static const PublicSuffixes all;
  return all;
}

DmarcFound find(dns::test::MapResolver& zone, std::string domain) {
  return run(find_dmarc(zone, suffixes(), std::move(domain)));
}

SpfVerdict spf(SpfResult result, std::string domain) {
  SpfVerdict verdict;
  verdict.result = result;
  verdict.domain = std::move(domain);
  return verdict;
}

DkimResult dkim(DkimStatus status, std::string domain) {
  DkimResult result;
  result.status = status;
  result.domain = std::move(domain);
  return result;
}

}  // namespace

TEST_CASE("dmarc: records are read, and what is none is told from what is broken", "[dmarc]") {
  const auto whole = parse_dmarc_record(
      "v=DMARC1; p=reject; sp=quarantine; np=none; adkim=s; aspf=r; pct=25; "
      "rua=mailto:a@example.org!10m,https://example.org/x,mailto:b@example.org; ruf=mailto:c@d.e");
  REQUIRE(whole);
  CHECK(whole->policy == DmarcPolicy::kReject);
  CHECK(whole->subdomains == DmarcPolicy::kQuarantine);
  CHECK(whole->nonexistent == DmarcPolicy::kNone);
  CHECK(whole->strict_dkim);
  CHECK_FALSE(whole->strict_spf);
  CHECK(whole->percent == 25);
  CHECK(whole->report_to == std::vector<std::string>{"a@example.org", "b@example.org"});
  CHECK(parse_dmarc_record("v=DMARC1;p=none")->percent == 100);
  CHECK(parse_dmarc_record("v = DMARC1 ; p = QUARANTINE")->policy == DmarcPolicy::kQuarantine);
  CHECK(parse_dmarc_record("v=DMARC1; p=none; pct=101")->percent == 100);
  CHECK(parse_dmarc_record("v=DMARC1; p=what; rua=mailto:a@b.c")->policy == DmarcPolicy::kNone);
  for (const std::string_view none :
       {"", "v=spf1 -all", "p=reject; v=DMARC1", "v=dmarc1; p=none"}) {
    INFO(none);
    const auto record = parse_dmarc_record(none);
    REQUIRE_FALSE(record);
    CHECK(record.error().empty());
  }
  for (const std::string_view broken : {"v=DMARC1", "v=DMARC1; p=what", "v=DMARC1; =; p=none"}) {
    INFO(broken);
    const auto record = parse_dmarc_record(broken);
    REQUIRE_FALSE(record);
    CHECK_FALSE(record.error().empty());
  }
}

TEST_CASE("dmarc: the policy is the domain's own, else its organisation's", "[dmarc]") {
  dns::test::MapResolver zone;
  zone.txt_records["_dmarc.example.co.uk"] = {"v=DMARC1; p=reject; sp=quarantine; np=none"};
  zone.txt_records["_dmarc.own.example.co.uk"] = {"v=DMARC1; p=none"};
  zone.names = {"real.example.co.uk"};
  CHECK(find(zone, "example.co.uk").owner == "example.co.uk");
  const DmarcFound below = find(zone, "real.example.co.uk");
  CHECK(below.status == DmarcStatus::kPass);
  CHECK(below.owner == "example.co.uk");
  CHECK(below.below);
  CHECK_FALSE(below.nonexistent);
  CHECK(find(zone, "not.there.example.co.uk").nonexistent);
  CHECK_FALSE(find(zone, "own.example.co.uk").below);
  CHECK(find(zone, "other.co.uk").status == DmarcStatus::kNone);
  zone.broken.insert("_dmarc.example.co.uk");
  CHECK(find(zone, "real.example.co.uk").status == DmarcStatus::kTempError);
}

TEST_CASE("dmarc: two records are none, and others at the name do not count", "[dmarc]") {
  dns::test::MapResolver zone;
  zone.txt_records["_dmarc.example.org"] = {"v=DMARC1; p=reject", "v=DMARC1; p=none"};
  CHECK(find(zone, "example.org").status == DmarcStatus::kNone);
  zone.txt_records["_dmarc.example.org"] = {"hello", "v=DMARC1; p=reject"};
  CHECK(find(zone, "example.org").record.policy == DmarcPolicy::kReject);
  zone.txt_records["_dmarc.example.org"] = {"v=DMARC1"};
  CHECK(find(zone, "example.org").status == DmarcStatus::kPermError);
}

TEST_CASE("dmarc: alignment, relaxed and strict", "[dmarc]") {
  struct Case {
    bool strict;
    SpfVerdict spf;
    DkimResult dkim;
    DmarcStatus wanted;
  };
  const SpfVerdict no_spf = spf(SpfResult::kFail, "example.org");
  const DkimResult no_dkim = dkim(DkimStatus::kFail, "example.org");
  const Case cases[] = {
      {false, spf(SpfResult::kPass, "example.org"), no_dkim, DmarcStatus::kPass},
      {false, spf(SpfResult::kPass, "bounces.example.org"), no_dkim, DmarcStatus::kPass},
      {true, spf(SpfResult::kPass, "bounces.example.org"), no_dkim, DmarcStatus::kFail},
      {false, spf(SpfResult::kPass, "example.net"), no_dkim, DmarcStatus::kFail},
      {false, spf(SpfResult::kSoftFail, "example.org"), no_dkim, DmarcStatus::kFail},
      {false, no_spf, dkim(DkimStatus::kPass, "example.org"), DmarcStatus::kPass},
      {false, no_spf, dkim(DkimStatus::kPass, "mail.example.org"), DmarcStatus::kPass},
      {true, no_spf, dkim(DkimStatus::kPass, "mail.example.org"), DmarcStatus::kFail},
      {false, no_spf, dkim(DkimStatus::kPolicy, "example.org"), DmarcStatus::kFail},
      {false, no_spf, dkim(DkimStatus::kPass, "org"), DmarcStatus::kFail},
      {false, spf(SpfResult::kTempError, "example.org"), no_dkim, DmarcStatus::kTempError},
      {false, no_spf, dkim(DkimStatus::kTempError, "example.org"), DmarcStatus::kTempError},
  };
  for (const Case& one : cases) {
    DmarcFound found;
    found.status = DmarcStatus::kPass;
    found.owner = "example.org";
    found.record.policy = DmarcPolicy::kReject;
    found.record.strict_dkim = found.record.strict_spf = one.strict;
    const DmarcVerdict verdict =
        judge_dmarc(suffixes(), "example.org", found, one.spf, {one.dkim}, 0);
    INFO(one.spf.domain << " " << to_string(one.spf.result) << ", " << one.dkim.domain << " "
                        << to_string(one.dkim.status) << (one.strict ? " strict" : ""));
    CHECK(to_string(verdict.status) == to_string(one.wanted));
    if (one.wanted == DmarcStatus::kFail) CHECK(verdict.applied == DmarcPolicy::kReject);
  }
}

TEST_CASE("dmarc: pct= applies the next milder policy to the rest", "[dmarc]") {
  DmarcFound found;
  found.status = DmarcStatus::kPass;
  found.owner = "example.org";
  found.record.policy = DmarcPolicy::kReject;
  found.record.percent = 30;
  const SpfVerdict none = spf(SpfResult::kNone, "example.org");
  const auto applied = [&](unsigned roll) {
    return judge_dmarc(suffixes(), "example.org", found, none, {}, roll).applied;
  };
  CHECK(applied(29) == DmarcPolicy::kReject);
  CHECK(applied(30) == DmarcPolicy::kQuarantine);
  found.record.policy = DmarcPolicy::kQuarantine;
  CHECK(applied(99) == DmarcPolicy::kNone);
  found.below = true;
  found.record.subdomains = DmarcPolicy::kReject;
  CHECK(applied(0) == DmarcPolicy::kReject);
}

TEST_CASE("dmarc: the domains of From are found however it is written", "[dmarc]") {
  const auto domains = [](const std::string& from) {
    const std::string message = from + "\r\n\r\nbody";
    return from_domains(split_message(message));
  };
  using List = std::vector<std::string>;
  CHECK(domains("From: anna@Example.ORG") == List{"example.org"});
  CHECK(domains("From: \"x@fake.example\" <anna@example.org>") == List{"example.org"});
  CHECK(domains("From: a@example.org, b@example.net") == List{"example.org", "example.net"});
  CHECK(domains("From: a@example.org\r\nfrom: b@example.net") ==
        List{"example.org", "example.net"});
  CHECK(domains("From: a@b\xc3\xbc"
                "cher.example") == List{"xn--bcher-kva.example"});
  CHECK(domains("From: nobody").empty());
  CHECK(domains("To: a@example.org").empty());
  CHECK(domains("X: 1\r\na line that is no field\r\nFrom: a@example.org") == List{"example.org"});
}

TEST_CASE("dmarc: From fields with more domains than are looked at say so", "[dmarc]") {
  const auto left_out = [](const std::string& from) {
    const std::string message = "From: " + from + "\r\n\r\nbody";
    bool more = false;
    CHECK(from_domains(split_message(message), &more).size() <= kFromDomainsMax);
    return more;
  };
  CHECK_FALSE(left_out("a@a.example, b@b.example, c@c.example, d@d.example, e@d.example"));
  CHECK(left_out("a@a.example, b@b.example, c@c.example, d@d.example, e@e.example"));
  std::string many = "a@a.example";
  for (int i = 0; i < 60; ++i) many += ", a@a.example";
  CHECK(left_out(many));
}

TEST_CASE("dmarc: what others found is read as they meant it", "[dmarc]") {
  for (const char* good : {"mx.example.net; dmarc=pass",
                           "mx.example.net; spf=fail; dmarc = pass (p=reject) header.from=x",
                           "mx.example.net;\r\n\tDMARC=Pass header.from=x"}) {
    INFO(good);
    CHECK(says_dmarc_pass(good));
  }
  for (const char* bad :
       {"mx.example.net; dmarc=fail",
        "mx.example.net; spf=pass smtp.mailfrom=dmarc=pass@x; dmarc=fail",
        "mx.example.net; spf=pass smtp.mailfrom=dmarc=pass@x",
        "mx.example.net; spf=pass (a; dmarc=pass); dmarc=none",
        "mx.example.net; spf=pass smtp.mailfrom=\"; dmarc=pass ;\"@x",
        "mx.example.net; dmarc=passed", "mx.example.net; dmarc=fail; dmarc=pass", ""}) {
    INFO(bad);
    CHECK_FALSE(says_dmarc_pass(bad));
  }
}

}  // namespace hauspost::mailauth::test
