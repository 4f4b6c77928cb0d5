#include "tools/cli/doctor.h"

#include <catch2/catch.hpp>

#include "base/text.h"
#include "server/child/frontend.pb.h"
#include "tools/cli/check_host.h"
#include "tools/cli/check_machine.h"
#include "tools/cli/check_server.h"
#include "tools/cli/check_zone.h"
#include "tools/cli/probe_machine.h"
#include "tools/cli/zone_facts.h"

using namespace hauspost;
using namespace hauspost::cli;
using dns::RecordType;

namespace {

constexpr std::int64_t kNow = 1'385'035'200;

dns::Answer<std::string> found(std::vector<std::string> records) {
  dns::Answer<std::string> out;
  out.outcome = dns::Outcome::kFound;
  out.records = std::move(records);
  return out;
}

dns::Answer<std::string> none() {
  dns::Answer<std::string> out;
  out.outcome = dns::Outcome::kNoName;
  return out;
}

std::string mx(int preference, const std::string& host) {
  return std::string{static_cast<char>(preference >> 8), static_cast<char>(preference)} + host;
}
std::string srv(int port, const std::string& host) {
  return std::string{0, 0, 0, 1, static_cast<char>(port >> 8), static_cast<char>(port)} + host;
}
std::string caa(const std::string& value) { return std::string("\0\5issue", 7) + value; }

// Everything in order: example.org on mail.example.org at 192.0.2.1.
DoctorFacts healthy() {
  DoctorFacts facts;
  facts.now_s = kNow;
  facts.running = true;
  ZoneFacts& zone = facts.zone;
  zone.hostname = "mail.example.org";
  zone.addresses = {"192.0.2.1"};
  zone.domains = {"example.org"};
  zone.dkim = {
      {"example.org", "s1", "active", "s1._domainkey.example.org", "v=DKIM1; k=rsa; p=QUJD"}};
  zone.ports = {{"imaps", 993}, {"https", 443}};
  zone.web = true;
  zone.sts = {{"enforce", "42", "policy"}};
  zone.dmarc_policy = "reject";
  zone.tls_reports_to = "tls@example.org";
  zone.authorities = {"ca.example.net"};
  auto& answers = facts.dns.answers;
  facts.dns.asked = true;
  facts.dns.servers = {"192.0.2.53"};
  for (const DnsQuestion& question : zone_questions(zone)) answers[question] = none();
  const auto put = [&](const std::string& name, RecordType type, const std::string& record) {
    answers[{name, type}] = found({record});
  };
  put("mail.example.org", RecordType::kA, "192.0.2.1");
  put("1.2.0.192.in-addr.arpa", RecordType::kPtr, "mail.example.org");
  put("example.org", RecordType::kMx, mx(10, "mail.example.org"));
  put("example.org", RecordType::kTxt, "v=spf1 mx -all");
  put("s1._domainkey.example.org", RecordType::kTxt, "v=DKIM1;k=rsa;p= QU JD");
  put("_dmarc.example.org", RecordType::kTxt, "v=DMARC1; p=reject");
  put("_mta-sts.example.org", RecordType::kTxt, "v=STSv1; id=42;");
  put("_smtp._tls.example.org", RecordType::kTxt, "v=TLSRPTv1; rua=mailto:tls@example.org");
  put("_imaps._tcp.example.org", RecordType::kSrv, srv(993, "mail.example.org"));
  put("_autodiscover._tcp.example.org", RecordType::kSrv, srv(443, "mail.example.org"));
  put("example.org", RecordType::kCaa, caa("ca.example.net; account=7"));
  for (const char* label : {"autoconfig.", "autodiscover.", "mta-sts."})
    put(label + std::string("example.org"), RecordType::kA, "192.0.2.1");
  facts.dns.spf = {{"example.org", "192.0.2.1", mailauth::SpfResult::kPass, ""}};
  return facts;
}

Findings domain_findings(const DoctorFacts& facts) {
  Findings out;
  for (Finding& one : examine(facts, {}))
    if (std::ranges::find(kChecks, one.check, &CheckInfo::name)->group == "domains")
      out.push_back(std::move(one));
  return out;
}

std::vector<std::string> bad_checks(const Findings& findings) {
  std::vector<std::string> out;
  for (const Finding& one : findings)
    if (one.verdict == Verdict::kFault || one.verdict == Verdict::kWarning)
      out.push_back(one.check);
  return out;
}

Verdict worst(const Findings& findings) {
  Verdict out = Verdict::kSkipped;
  for (const Finding& one : findings) {
    if (one.verdict == Verdict::kFault) return Verdict::kFault;
    if (one.verdict == Verdict::kWarning || out == Verdict::kSkipped) out = one.verdict;
  }
  return out;
}

}  // namespace

TEST_CASE("doctor: a domain whose records are right has nothing to say") {
  const auto findings = domain_findings(healthy());
  CHECK(bad_checks(findings).empty());
  CHECK(findings.size() >= 11);
  for (const Finding& one : findings) CHECK(one.verdict == Verdict::kGood);
}

TEST_CASE("doctor: each wrong record is found by its check alone") {
  struct Planted {
    std::string check;
    Verdict verdict;
    std::string name;
    RecordType type;
    dns::Answer<std::string> answer;
  };
  const std::string domain = "example.org";
  const Planted cases[] = {
      {"mx", Verdict::kFault, domain, RecordType::kMx, none()},
      {"mx", Verdict::kFault, domain, RecordType::kMx, found({mx(5, "other.example")})},
      {"mx", Verdict::kWarning, domain, RecordType::kMx,
       found({mx(10, "mail.example.org"), mx(20, "other.example")})},
      {"spf", Verdict::kFault, domain, RecordType::kTxt, found({"hello"})},
      {"spf", Verdict::kFault, domain, RecordType::kTxt, found({"v=spf1 mx", "v=spf1 a"})},
      {"dkim", Verdict::kFault, "s1._domainkey.example.org", RecordType::kTxt, none()},
      {"dkim", Verdict::kFault, "s1._domainkey.example.org", RecordType::kTxt,
       found({"v=DKIM1; p=QUJE"})},
      {"dkim", Verdict::kFault, "s1._domainkey.example.org", RecordType::kTxt,
       found({"v=DKIM1; p="})},
      {"dmarc", Verdict::kFault, "_dmarc.example.org", RecordType::kTxt, none()},
      {"dmarc", Verdict::kWarning, "_dmarc.example.org", RecordType::kTxt,
       found({"v=DMARC1; p=none"})},
      {"mta-sts", Verdict::kFault, "_mta-sts.example.org", RecordType::kTxt,
       found({"v=STSv1; id=41;"})},
      {"mta-sts", Verdict::kWarning, "_mta-sts.example.org", RecordType::kTxt, none()},
      {"tls-rpt", Verdict::kWarning, "_smtp._tls.example.org", RecordType::kTxt, none()},
      {"srv", Verdict::kFault, "_imaps._tcp.example.org", RecordType::kSrv,
       found({srv(993, "other.example")})},
      {"srv", Verdict::kWarning, "_imaps._tcp.example.org", RecordType::kSrv, none()},
      {"discovery", Verdict::kFault, "autoconfig.example.org", RecordType::kA,
       found({"192.0.2.9"})},
      {"discovery", Verdict::kWarning, "autodiscover.example.org", RecordType::kA, none()},
      {"caa", Verdict::kFault, domain, RecordType::kCaa, found({caa("other.example")})},
      {"caa", Verdict::kFault, domain, RecordType::kCaa, found({caa(";")})},
      {"caa", Verdict::kWarning, domain, RecordType::kCaa, none()}};
  for (const Planted& planted : cases) {
    INFO(planted.check << " " << planted.name);
    DoctorFacts facts = healthy();
    facts.dns.answers[{planted.name, planted.type}] = planted.answer;
    const auto findings = domain_findings(facts);
    CHECK(bad_checks(findings) == std::vector{planted.check});
    CHECK(worst(findings) == planted.verdict);
  }
}

TEST_CASE("doctor: an address that SPF does not know is a fault") {
  DoctorFacts facts = healthy();
  facts.dns.spf[0].result = mailauth::SpfResult::kFail;
  CHECK(worst(check_spf(facts, "example.org")) == Verdict::kFault);
  facts.dns.spf[0].result = mailauth::SpfResult::kTempError;
  CHECK(worst(check_spf(facts, "example.org")) == Verdict::kSkipped);
}

TEST_CASE("doctor: a DNS that does not answer is one fault, not one for each record") {
  DoctorFacts facts = healthy();
  for (auto& [question, answer] : facts.dns.answers) answer = {};
  CHECK(worst(check_resolver(facts)) == Verdict::kFault);
  for (const Finding& one : domain_findings(facts)) {
    CHECK(one.verdict == Verdict::kSkipped);
    CHECK(one.blind);
  }
}

TEST_CASE("doctor: offline nothing of the DNS is wanted") {
  DoctorFacts facts = healthy();
  facts.offline = true;
  for (const Finding& one : domain_findings(facts)) {
    CHECK(one.verdict == Verdict::kSkipped);
    CHECK_FALSE(one.blind);
  }
}

TEST_CASE("doctor: host name, reverse DNS and TLSA") {
  DoctorFacts facts = healthy();
  CHECK(worst(check_host_name(facts)) == Verdict::kGood);
  CHECK(worst(check_reverse_dns(facts)) == Verdict::kGood);
  facts.dns.answers[{"mail.example.org", RecordType::kA}] = found({"192.0.2.1", "192.0.2.2"});
  CHECK(worst(check_host_name(facts)) == Verdict::kFault);
  facts.dns.answers[{"mail.example.org", RecordType::kA}] = none();
  CHECK(worst(check_host_name(facts)) == Verdict::kFault);
  facts.dns.answers[{"1.2.0.192.in-addr.arpa", RecordType::kPtr}] = found({"other.example"});
  CHECK(worst(check_reverse_dns(facts)) == Verdict::kFault);
  facts.zone.hostname = "localhost";
  CHECK(worst(check_host_name(facts)) == Verdict::kFault);

  facts = healthy();
  CHECK(worst(check_tlsa(facts)) == Verdict::kSkipped);
  facts.zone.tlsa = true;
  facts.zone.key_digest = std::string(64, 'a');
  const std::string name = "_25._tcp.mail.example.org";
  CHECK(worst(check_tlsa(facts)) == Verdict::kWarning);
  facts.dns.answers[{name, RecordType::kTlsa}] =
      found({std::string("\3\1\1", 3) + std::string(32, 'x')});
  CHECK(worst(check_tlsa(facts)) == Verdict::kFault);
  facts.dns.answers[{name, RecordType::kTlsa}] =
      found({std::string("\3\1\1", 3) + *from_hex(facts.zone.key_digest)});
  CHECK(worst(check_tlsa(facts)) == Verdict::kGood);
}

TEST_CASE("doctor: disks") {
  DoctorFacts facts;
  const DiskFacts fine{"data root", "/x", "", "ext4", 50ULL << 30, 100ULL << 30, false, 200.0};
  const auto judged = [&](auto change) {
    DiskFacts disk = fine;
    change(disk);
    facts.disks = {disk};
    return worst(check_disks(facts));
  };
  CHECK(judged([](DiskFacts&) {}) == Verdict::kGood);
  CHECK(judged([](DiskFacts& disk) { disk.kind = "nfs"; }) == Verdict::kFault);
  CHECK(judged([](DiskFacts& disk) { disk.kind = "tmpfs"; }) == Verdict::kFault);
  CHECK(judged([](DiskFacts& disk) { disk.free_bytes = 4ULL << 30; }) == Verdict::kFault);
  CHECK(judged([](DiskFacts& disk) { disk.free_bytes = 8ULL << 30; }) == Verdict::kWarning);
  CHECK(judged([](DiskFacts& disk) { disk.error = "no such folder"; }) == Verdict::kFault);
  CHECK(judged([](DiskFacts& disk) { disk.sync_us = 20; }) == Verdict::kGood);
  CHECK(judged([](DiskFacts& disk) {
          disk.sync_us = 20;
          disk.moving_parts = true;
        }) == Verdict::kFault);
}

TEST_CASE("doctor: the clock") {
  DoctorFacts facts;
  const auto off = [&](double seconds) {
    facts.clock = {false, "ntp.example.net", seconds, ""};
    return worst(check_clock(facts));
  };
  CHECK(off(0.4) == Verdict::kGood);
  CHECK(off(-6) == Verdict::kWarning);
  CHECK(off(31) == Verdict::kFault);
  CHECK(off(-86'400) == Verdict::kFault);
  facts.clock = {false, "ntp.example.net", std::nullopt, "no answer"};
  CHECK(worst(check_clock(facts)) == Verdict::kWarning);
  facts.clock = {true, "", std::nullopt, ""};
  CHECK(worst(check_clock(facts)) == Verdict::kGood);
}

TEST_CASE("doctor: certificates by date and name") {
  DoctorFacts facts = healthy();
  facts.zone.web = false;
  const auto judged = [&](auto change) {
    child::wire::CertificatesReply reply;
    auto* one = reply.add_certificates();
    one->set_certificate_file("/x.pem");
    one->set_in_use(true);
    one->add_names("*.example.org");
    one->set_not_before_s(kNow - 1000);
    one->set_not_after_s(kNow + 90 * 24 * 3600);
    change(*one);
    facts.certificates = reply.SerializeAsString();
    return worst(check_certificates(facts));
  };
  using One = child::wire::Certificate;
  CHECK(judged([](One&) {}) == Verdict::kGood);
  CHECK(judged([](One& one) { one.set_not_after_s(kNow); }) == Verdict::kFault);
  CHECK(judged([](One& one) { one.set_not_after_s(kNow + 5 * 24 * 3600); }) == Verdict::kWarning);
  CHECK(judged([](One& one) { one.set_not_before_s(kNow + 60); }) == Verdict::kFault);
  CHECK(judged([](One& one) { one.set_self_issued(true); }) == Verdict::kWarning);
  CHECK(judged([](One& one) { one.set_names(0, "other.example"); }) == Verdict::kFault);
  facts.zone.web = true;
  CHECK(judged([](One& one) { one.set_names(0, "mail.example.org"); }) == Verdict::kFault);
  CHECK(judged([](One&) {}) == Verdict::kGood);
}

TEST_CASE("doctor: databases, backups and queues") {
  DoctorFacts facts = healthy();
  auto* database = facts.status.add_databases();
  database->set_name("DB1");
  database->set_state(admin::DATABASE_STATE_MOUNTED);
  database->set_created_s(kNow - 3600);
  CHECK(worst(check_databases(facts)) == Verdict::kGood);
  CHECK(worst(check_backups(facts)) == Verdict::kWarning);
  database->set_created_s(kNow - 30 * 24 * 3600);
  CHECK(worst(check_backups(facts)) == Verdict::kFault);
  database->set_last_backup_s(kNow - 3600);
  CHECK(worst(check_backups(facts)) == Verdict::kGood);
  database->set_state(admin::DATABASE_STATE_DISMOUNTED);
  CHECK(worst(check_databases(facts)) == Verdict::kFault);
  CHECK(worst(check_queues(facts)) == Verdict::kGood);
  facts.queues = {{"Unreachable", "ready", 3, 0, ""}};
  CHECK(worst(check_queues(facts)) == Verdict::kFault);
  facts.queues = {{"Remote/X/example.net", "retry", 3, 7, "refused"}};
  CHECK(worst(check_queues(facts)) == Verdict::kWarning);
}

TEST_CASE("doctor: without a server the checks that need one are not passed over in silence") {
  DoctorFacts facts;
  facts.not_running_because = "no server is running here";
  const auto findings = examine(facts, {});
  CHECK(worst(findings) == Verdict::kFault);
  CHECK(std::ranges::count_if(findings, &Finding::blind) >= 10);
}

TEST_CASE("doctor: what changed is told, what could not be seen is not") {
  const std::vector<Remembered> before = {{"mx", "example.org", Verdict::kGood, "comes here"},
                                          {"spf", "example.org", Verdict::kFault, "missing"},
                                          {"dmarc", "example.org", Verdict::kGood, "there"}};
  const Findings now = {{"mx", "example.org", Verdict::kFault, "elsewhere", "", ""},
                        good("spf", "example.org", "there"),
                        not_seen("dmarc", "example.org", "no answer"),
                        {"clock", "", Verdict::kFault, "off", "", ""}};
  const auto told = drift(before, now);
  REQUIRE(told.size() == 2);
  CHECK(told[0].find("mx example.org: was good (comes here), is now fault") == 0);
  CHECK(told[1].find("spf example.org: was fault") == 0);
}

TEST_CASE("doctor: of two findings about one thing the worse one is remembered") {
  const Findings now = {good("dkim", "s1._domainkey.example.org", "is key s1 (staged)"),
                        {"dkim", "s1._domainkey.example.org", Verdict::kWarning,
                         "key s1 is published and does not sign", "why", "do"},
                        skipped("dkim", "s2._domainkey.example.org", "not looked at")};
  const Findings worst = worst_of_each(now);
  REQUIRE(worst.size() == 1);
  CHECK(worst[0].verdict == Verdict::kWarning);
  const std::vector<Remembered> before = {
      {worst[0].check, worst[0].object, worst[0].verdict, worst[0].text}};
  CHECK(drift(before, now).empty());
}

TEST_CASE("doctor: listening sockets of /proc") {
  const auto line = parse_listen_line(
      "   1: 0100007F:0019 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
      "12345 1 0000000000000000 100 0 0 10 0");
  REQUIRE(line);
  CHECK(line->port == 25);
  CHECK(line->inode == 12345);
  CHECK(line->address == proc_address("127.0.0.1"));
  CHECK(proc_address("::1") == "00000000000000000000000001000000");
  for (const char* bad :
       {"", "sl local_address rem_address st", "1: 0100007F:0019 0:0 01 a b c d e 5",
        "1: 0100007F 00000000:0000 0A a b c d e 12"})
    CHECK_FALSE(parse_listen_line(bad));
}

TEST_CASE("dns records: what is off is not published") {
  ZoneFacts zone = healthy().zone;
  const auto has = [&](std::string_view name) {
    const auto records = domain_records(zone, "example.org");
    return std::ranges::any_of(records, [&](const DnsRecord& one) { return one.name == name; });
  };
  CHECK(has("autoconfig.example.org"));
  CHECK(has("_mta-sts.example.org"));
  CHECK(has("s1._domainkey.example.org"));
  CHECK_FALSE(has("_pop3s._tcp.example.org"));
  zone.web = false;
  zone.dkim[0].state = "retired";
  zone.tls_reports_to.clear();
  CHECK_FALSE(has("autoconfig.example.org"));
  CHECK_FALSE(has("_mta-sts.example.org"));
  CHECK_FALSE(has("s1._domainkey.example.org"));
  CHECK_FALSE(has("_smtp._tls.example.org"));
}

TEST_CASE("dns records: texts are cut for a zone file, and one name has one SPF record") {
  CHECK(quoted_text("") == "\"\"");
  CHECK(quoted_text("a\"b\\") == "\"a\\\"b\\\\\"");
  CHECK(quoted_text(std::string(300, 'x')) ==
        "\"" + std::string(255, 'x') + "\" \"" + std::string(45, 'x') + "\"");
  ZoneFacts zone = healthy().zone;
  zone.hostname = "example.org";
  auto records = host_records(zone);
  for (const DnsRecord& one : domain_records(zone, "example.org")) records.push_back(one);
  CHECK(std::ranges::count_if(records, [](const DnsRecord& one) {
          return one.name == "example.org" && one.value.starts_with("v=spf1");
        }) == 1);
}

TEST_CASE("dns records: addresses of the Internet") {
  for (const char* address : {"192.0.2.1", "8.8.8.8", "2001:db8::1", "2a00::1"})
    CHECK(is_public_address(address));
  for (const char* address : {"10.0.0.1", "127.0.0.1", "192.168.3.4", "172.31.0.1", "100.64.0.1",
                              "::1", "fe80::1", "fd00::1", "169.254.1.1", "nonsense"})
    CHECK_FALSE(is_public_address(address));
}
