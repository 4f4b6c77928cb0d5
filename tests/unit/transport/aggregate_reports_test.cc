// DMARC's aggregate reports: counted, kept, written and sent.
#include <catch2/catch.hpp>

#include <filesystem>

#include "base/ids.h"
#include "mailauth_rig.h"
#include "transport/authentication/aggregate_reporter.h"

namespace hauspost::mailauth::test {

namespace {

constexpr std::string_view kDay = "2026-11-21";

Finding failed(std::string client = "192.0.2.99") {
  Finding finding;
  finding.action = Action::kJunk;
  Verdicts& verdicts = finding.verdicts;
  verdicts.client = std::move(client);
  verdicts.sender = "evil@Example.COM";
  verdicts.spf = SpfVerdict{.result = SpfResult::kNone, .domain = "example.com"};
  verdicts.dkim = {{.status = DkimStatus::kFail, .domain = "example.org", .selector = "s1"}};
  DmarcVerdict dmarc;
  dmarc.status = DmarcStatus::kFail;
  dmarc.domain = "mail.example.org";
  dmarc.owner = "example.org";
  dmarc.record.policy = DmarcPolicy::kReject;
  dmarc.record.report_to = {"dmarc@example.org", "in@reports.example.net"};
  dmarc.wanted = dmarc.applied = DmarcPolicy::kReject;
  verdicts.dmarc = dmarc;
  return finding;
}

struct Sent {
  std::string from;
  std::string to;
  std::string message;
};

struct World {
  AggregateReporter reporter() {
    return {reports, zone, suffixes, clock,
            [this](std::string from, std::string to, std::string message) -> Task<Result<>> {
              return keep({std::move(from), std::move(to), std::move(message)});
            }};
  }
  Task<Result<>> keep(Sent mail) {
    if (deaf) co_return fail(ErrorCode::kUnavailable, "no way out");
    sent.push_back(std::move(mail));
    co_return Result<>{};
  }

  StillClock clock;
  dns::test::MapResolver zone;
  PublicSuffixes suffixes;
  AggregateReports reports{clock, {}};
  std::vector<Sent> sent;
  bool deaf = false;
};

const AggregateReporterSettings kOn{true, "mx.example.net", "postmaster@mx.example.net", "Example"};

}  // namespace

TEST_CASE("dmarc reports: messages that are alike are one row", "[dmarc]") {
  StillClock clock;
  AggregateReports reports(clock, {});
  reports.record(failed());
  CHECK(reports.sums().empty());  // it is off
  reports.collect(true);
  reports.record(failed());
  reports.record(failed());
  reports.record(failed("192.0.2.100"));
  Finding quiet = failed();
  quiet.verdicts.dmarc->record.report_to.clear();
  quiet.verdicts.dmarc->owner = "quiet.example";
  reports.record(quiet);
  const auto sums = reports.sums();
  REQUIRE(sums.size() == 1);
  CHECK(sums.front().date == kDay);
  CHECK(sums.front().domain == "example.org");
  CHECK(sums.front().messages == 3);
  CHECK(sums.front().failures == 3);
  const DomainReport* report = reports.find(std::string(kDay), "example.org");
  REQUIRE(report != nullptr);
  REQUIRE(report->rows.size() == 2);
  CHECK(report->rows.begin()->second + std::next(report->rows.begin())->second == 3);
  const ReportRow row = report_row(failed());
  CHECK(row.disposition == "quarantine");
  CHECK(row.reason == "local_policy");
  CHECK(row.envelope_from == "example.com");
}

TEST_CASE("dmarc reports: rows and domains are bounded, and counting goes on", "[dmarc]") {
  StillClock clock;
  AggregateReports reports(clock, {.domains_max = 1, .rows_max = 3});
  reports.collect(true);
  for (int i = 0; i < 10; ++i) reports.record(failed("192.0.2." + std::to_string(i)));
  Finding other = failed();
  other.verdicts.dmarc->owner = "other.example";
  reports.record(other);
  REQUIRE(reports.sums().size() == 1);
  CHECK(reports.sums().front().messages == 10);
  CHECK(reports.find(std::string(kDay), "example.org")->rows.size() == 3);
}

TEST_CASE("dmarc reports: the rows of a day are bounded over all domains", "[dmarc]") {
  StillClock clock;
  AggregateReports reports(clock, {.day_rows_max = 3});
  reports.collect(true);
  for (const char* owner : {"one.example", "two.example"}) {
    for (int i = 0; i < 2; ++i) {
      Finding finding = failed("192.0.2." + std::to_string(i));
      finding.verdicts.dmarc->owner = owner;
      reports.record(finding);
      reports.record(finding);
    }
  }
  CHECK(reports.find(std::string(kDay), "one.example")->rows.size() == 2);
  CHECK(reports.find(std::string(kDay), "two.example")->rows.size() == 1);
  CHECK(reports.find(std::string(kDay), "two.example")->messages == 4);
}

TEST_CASE("dmarc reports: what was counted is there after a restart", "[dmarc]") {
  const std::string folder = "/tmp/hauspost-dmarc-" + Guid::random().to_string();
  StillClock clock;
  std::string before;
  {
    AggregateReports reports(clock, {.folder = folder});
    reports.collect(true);
    reports.record(failed());
    reports.record(failed());
    REQUIRE(reports.save());
    before = report_xml(std::string(kDay), "example.org",
                        *reports.find(std::string(kDay), "example.org"), {});
  }
  AggregateReports again(clock, {.folder = folder});
  REQUIRE(again.find(std::string(kDay), "example.org") != nullptr);
  CHECK(report_xml(std::string(kDay), "example.org", *again.find(std::string(kDay), "example.org"),
                   {}) == before);
  again.forget_before("2026-11-22");
  CHECK(again.dates().empty());
  CHECK(AggregateReports(clock, {.folder = folder}).dates().empty());
  std::filesystem::remove_all(folder);
}

TEST_CASE("dmarc reports: the XML says all of it, and nothing can break out of it", "[dmarc]") {
  DomainReport report;
  Finding finding = failed();
  finding.verdicts.sender = "x@<evil>&co";
  report.policy = finding.verdicts.dmarc->record;
  report.rows[report_row(finding)] = 7;
  const std::string xml = report_xml(std::string(kDay), "example.org", report,
                                     {"Example & Co", "a@example.net", "id-1"});
  for (const std::string_view part :
       {"<org_name>Example &amp; Co</org_name>", "<begin>1795219200</begin>",
        "<end>1795305599</end>", "<domain>example.org</domain>", "<p>reject</p>", "<sp>reject</sp>",
        "<source_ip>192.0.2.99</source_ip>", "<count>7</count>",
        "<disposition>quarantine</disposition>", "<type>local_policy</type>",
        "<envelope_from>&lt;evil&gt;&amp;co</envelope_from>",
        "<header_from>mail.example.org</header_from>", "<selector>s1</selector>",
        "<scope>mfrom</scope>"}) {
    INFO(part);
    CHECK(xml.find(part) != std::string::npos);
  }
}

TEST_CASE("dmarc reports: only who agreed gets them, once a day", "[dmarc]") {
  World world;
  AggregateReporter reporter = world.reporter();
  reporter.configure(kOn);
  world.reports.record(failed());
  CHECK(run(reporter.send(world.reports.today())).empty());  // the day has not ended
  world.clock.wall += std::chrono::days(1);
  auto outcomes = run(reporter.send(world.reports.today()));
  REQUIRE(outcomes.size() == 1);
  CHECK(outcomes.front().sent_to == std::vector<std::string>{"dmarc@example.org"});
  CHECK(outcomes.front().refused == std::vector<std::string>{"in@reports.example.net"});
  REQUIRE(world.sent.size() == 1);
  CHECK(world.sent.front().from == "postmaster@mx.example.net");
  CHECK(world.sent.front().message.find(
            "filename=\"mx.example.net!example.org!1795219200!1795305599.xml.gz\"") !=
        std::string::npos);
  CHECK(run(reporter.send(world.reports.today())).empty());
}

TEST_CASE("dmarc reports: another domain's consent is asked for", "[dmarc]") {
  World world;
  AggregateReporter reporter = world.reporter();
  reporter.configure(kOn);
  world.reports.record(failed());
  const std::string consent = "example.org._report._dmarc.reports.example.net";
  world.zone.broken = {consent};
  auto outcomes = run(reporter.send("9999"));
  REQUIRE(outcomes.size() == 1);
  CHECK_FALSE(outcomes.front().error.empty());
  world.zone.broken.clear();
  world.zone.txt_records[consent] = {"v=DMARC1;"};
  outcomes = run(reporter.send("9999"));
  REQUIRE(outcomes.size() == 1);
  CHECK(outcomes.front().error.empty());
  CHECK(outcomes.front().sent_to.size() == 2);
}

TEST_CASE("dmarc reports: what cannot be handed over is tried again", "[dmarc]") {
  World world;
  AggregateReporter reporter = world.reporter();
  reporter.configure(kOn);
  world.reports.record(failed());
  world.deaf = true;
  CHECK(run(reporter.send("9999")).front().error == "no way out");
  world.deaf = false;
  CHECK(run(reporter.send("9999")).front().sent_to.size() == 1);
}

}  // namespace hauspost::mailauth::test
