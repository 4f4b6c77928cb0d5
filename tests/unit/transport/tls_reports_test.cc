#include "transport/dns/tls_reports.h"

#include <zlib.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <fstream>

#include "base/task_group.h"
#include "base/text.h"
#include "tests/unit/transport/log_folder.h"
#include "tests/unit/transport/map_resolver.h"
#include "transport/dns/tls_reporter.h"

namespace {

using namespace hauspost;
using namespace hauspost::dns;
using transport::test::LogFolder;
using transport::test::StandingClock;
using Json = nlohmann::json;

const PolicyFacts kSts{PolicyFacts::Kind::kSts,
                       "there.test",
                       {"version: STSv1", "mode: enforce", "mx: mx.there.test", "max_age: 86400"},
                       {"mx.there.test"}};
const PolicyFacts kNone{};

std::string gunzip(const std::string& bytes) {
  z_stream stream{};
  REQUIRE(::inflateInit2(&stream, 15 + 16) == Z_OK);
  std::string input(bytes);
  std::string out(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int code = ::inflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  ::inflateEnd(&stream);
  REQUIRE(code == Z_STREAM_END);
  return out;
}

Task<void> keep(Task<std::vector<TlsReporter::Sending>> task,
                std::vector<TlsReporter::Sending>& into) {
  into = co_await std::move(task);
}

struct Sent {
  std::string from;
  std::string to;
  std::string message;
};

struct World {
  asio::io_context io;
  LogFolder folder;
  StandingClock clock;
  test::MapResolver names;
  TlsReports reports{clock, {.folder = folder.path("tls-reports")}};
  std::vector<Sent> sent;
  bool full = false;
  TlsReporter reporter{reports, names, clock,
                       [this](std::string from, std::string to, std::string message) {
                         return take(std::move(from), std::move(to), std::move(message));
                       }};

  World() { reporter.configure({true, "mail.ours.test", "tls@ours.test", "Ours"}); }

  Task<Result<>> take(std::string from, std::string to, std::string message) {
    if (full) co_return fail(ErrorCode::kExhausted, "the queue is full");
    sent.push_back({std::move(from), std::move(to), std::move(message)});
    co_return Result<>{};
  }
  void count(const PolicyFacts& policy, TlsFailure failure, int times = 1) {
    for (int i = 0; i < times; ++i)
      reports.record({.recipient_domain = "there.test",
                      .policy = policy,
                      .failure = failure,
                      .sending_address = "192.0.2.1",
                      .receiving_host = "mx.there.test",
                      .receiving_address = "192.0.2.2",
                      .receiving_helo = {},
                      .detail = {}});
  }
  std::vector<TlsReporter::Sending> send(const std::string& until) {
    std::vector<TlsReporter::Sending> outcome;
    TaskGroup tasks(io.get_executor());
    tasks.spawn("test", keep(reporter.send(until), outcome));
    io.restart();
    io.run();
    return outcome;
  }
};

}  // namespace

TEST_CASE("tls reports: a day's results add up as RFC 8460 writes them", "[dns]") {
  World world;
  world.count(kSts, TlsFailure::kNone, 3);
  world.count(kSts, TlsFailure::kCertificateExpired, 2);
  world.count(kSts, TlsFailure::kStarttlsNotSupported);
  world.count(kNone, TlsFailure::kNone);
  const Json report =
      Json::parse(world.reports.report("2026-11-21", "there.test", world.reporter.identity()));
  CHECK(report["organization-name"] == "Ours");
  CHECK(report["contact-info"] == "tls@ours.test");
  CHECK(report["date-range"]["start-datetime"] == "2026-11-21T00:00:00Z");
  CHECK(report["date-range"]["end-datetime"] == "2026-11-21T23:59:59Z");
  REQUIRE(report["policies"].size() == 2);
  const Json& sts = report["policies"][0];
  CHECK(sts["policy"]["policy-type"] == "sts");
  CHECK(sts["policy"]["policy-string"].size() == 4);
  CHECK(sts["policy"]["mx-host"] == Json::array({"mx.there.test"}));
  CHECK(sts["summary"]["total-successful-session-count"] == 3);
  CHECK(sts["summary"]["total-failure-session-count"] == 3);
  REQUIRE(sts["failure-details"].size() == 2);
  for (const Json& detail : sts["failure-details"]) {
    CHECK(detail["receiving-mx-hostname"] == "mx.there.test");
    CHECK(detail["failed-session-count"] ==
          (detail["result-type"] == "certificate-expired" ? 2 : 1));
  }
  CHECK(report["policies"][1]["policy"]["policy-type"] == "no-policy-found");
  CHECK(world.reports.report("2026-11-20", "there.test", {}).empty());
  CHECK(world.reports.report("2026-11-21", "other.test", {}).empty());
}

TEST_CASE("tls reports: what was counted outlives a restart, damaged files do not hurt", "[dns]") {
  World world;
  world.count(kSts, TlsFailure::kCertificateExpired, 2);
  world.count(kSts, TlsFailure::kNone);
  const auto identity = world.reporter.identity();
  REQUIRE(world.reports.save());
  std::ofstream(world.folder.path("tls-reports") + "/2026-11-20.json") << "{\"domains\": [";
  TlsReports again(world.clock, {.folder = world.folder.path("tls-reports")});
  CHECK(again.report("2026-11-21", "there.test", identity) ==
        world.reports.report("2026-11-21", "there.test", identity));
  CHECK(again.dates() == std::vector<std::string>{"2026-11-21"});
  again.forget_before("2026-11-22");
  CHECK(again.dates().empty());
  TlsReports third(world.clock, {.folder = world.folder.path("tls-reports")});
  CHECK(third.dates().empty());
}

TEST_CASE("tls reports: nothing is counted while they are off, and limits hold", "[dns]") {
  World world;
  world.reports.collect(false);
  world.count(kNone, TlsFailure::kNone);
  CHECK(world.reports.sums().empty());
  TlsReports small(world.clock,
                   {.folder = {}, .domains_max = 2, .policies_max = 1, .details_max = 1});
  small.collect(true);
  for (const std::string domain : {"a.test", "b.test", "c.test"})
    for (const PolicyFacts& policy : {kNone, kSts})
      for (const std::string helo : {"one", "two"})
        small.record({.recipient_domain = domain,
                      .policy = policy,
                      .failure = TlsFailure::kTlsaInvalid,
                      .receiving_helo = helo});
  const auto sums = small.sums();
  REQUIRE(sums.size() == 2);
  CHECK(sums[0].failures == 2);
  const Json report = Json::parse(small.report("2026-11-21", "a.test", {}));
  CHECK(report["policies"][0]["failure-details"].size() == 1);
}

TEST_CASE("tls reports: they go to who asks for them, once a day has ended", "[dns]") {
  World world;
  world.names.txt_records["_smtp._tls.there.test"] = {
      "v=TLSRPTv1; rua=mailto:tls%40there.test,https://there.test/,mailto:two@there.test"};
  world.count(kSts, TlsFailure::kValidationFailure);
  CHECK(world.send(world.reports.today()).empty());
  // Early, because somebody wants to see it: the day's own report is still to come.
  CHECK(world.send("9999-99-99").size() == 1);
  REQUIRE(world.sent.size() == 2);
  world.sent.clear();
  world.clock.pass(Seconds(86'400));
  const auto outcome = world.send(world.reports.today());
  REQUIRE(outcome.size() == 1);
  CHECK(outcome[0].sent_to == std::vector<std::string>{"tls@there.test", "two@there.test"});
  REQUIRE(world.sent.size() == 2);
  const std::string& mail = world.sent[0].message;
  CHECK(mail.find("To: <tls@there.test>\r\n") != std::string::npos);
  CHECK(mail.find("report-type=\"tlsrpt\"") != std::string::npos);
  CHECK(mail.find("mail.ours.test!there.test!1795219200!1795305599.json.gz") != std::string::npos);
  const auto part = mail.find("base64\r\n");
  const auto begin = mail.find("\r\n\r\n", part) + 4;
  std::string text = mail.substr(begin, mail.find("\r\n--", begin) - begin);
  std::erase_if(text, [](char octet) { return octet == '\r' || octet == '\n'; });
  const auto bytes = base64_decode(text);
  REQUIRE(bytes.has_value());
  const Json report = Json::parse(gunzip(*bytes));
  CHECK(report["policies"][0]["failure-details"][0]["result-type"] == "validation-failure");
  CHECK(world.send(world.reports.today()).empty());
}

TEST_CASE("tls reports: what could not be sent stays", "[dns]") {
  World world;
  world.count(kNone, TlsFailure::kNone);
  world.clock.pass(Seconds(86'400));
  world.names.broken.insert("_smtp._tls.there.test");
  REQUIRE(world.send(world.reports.today()).size() == 1);
  world.names.broken.clear();
  world.names.txt_records["_smtp._tls.there.test"] = {"v=TLSRPTv1;rua=mailto:tls@there.test"};
  world.full = true;
  CHECK(world.send(world.reports.today())[0].error == "the queue is full");
  world.full = false;
  CHECK(world.send(world.reports.today())[0].sent_to.size() == 1);
  CHECK(world.reports.open_domains("2026-11-21").empty());
}

TEST_CASE("tls reports: the record says who wants them, or nobody does", "[dns]") {
  using Addresses = std::vector<std::string>;
  CHECK(report_addresses({"v=TLSRPTv1; rua=mailto:a@b.test"}) == Addresses{"a@b.test"});
  CHECK(report_addresses({"v=TLSRPTv1;rua= mailto:a@b.test , mailto:c@d.test;x=y"}) ==
        Addresses{"a@b.test", "c@d.test"});
  CHECK(report_addresses({"other", "v=TLSRPTv1; rua=mailto:a@b.test?subject=x"}) ==
        Addresses{"a@b.test"});
  CHECK(report_addresses({"v=TLSRPTv1; rua=mailto:a@b.test,mailto:a@b.test"}).size() == 1);
  for (const std::string record :
       {"", "v=TLSRPTv1", "v=TLSRPTv1; rua=", "v=TLSRPTv1; rua=https://b.test/",
        "v=TLSRPTv2; rua=mailto:a@b.test", "v=TLSRPTv1; rua=mailto:nobody",
        "v=TLSRPTv1; rua=mailto:a@b.test%0d%0aTo%3a", "rua=mailto:a@b.test"}) {
    CAPTURE(record);
    CHECK(report_addresses({record}).empty());
  }
  CHECK(report_addresses({"v=TLSRPTv1; rua=mailto:a@b.test", "v=TLSRPTv1; rua=mailto:c@d.test"})
            .empty());
  std::string many = "v=TLSRPTv1; rua=";
  for (int i = 0; i < 20; ++i) many += "mailto:a" + std::to_string(i) + "@b.test,";
  CHECK(report_addresses({many}).size() == kReportAddressesMax);
}

TEST_CASE("tls reports: days are those of UTC", "[dns]") {
  CHECK(day_range("2026-11-21").begin_s == 1795219200);
  CHECK(day_range("2026-11-21").end_s == 1795305599);
  CHECK(day_range("2026-02-30").end_s == 0);
  CHECK(day_range("20261121").end_s == 0);
  CHECK(date_of(WallTime(Seconds(1795305599))) == "2026-11-21");
  CHECK(date_of(WallTime(Seconds(1795305600))) == "2026-11-22");
}
