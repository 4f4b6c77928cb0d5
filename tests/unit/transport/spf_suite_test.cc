// The public test suite of RFC 7208, read from Debian's package python3-spf while the test runs.
#include <catch2/catch.hpp>

#include <cstdio>

#include "map_resolver.h"
#include "transport/authentication/spf.h"

namespace hauspost::mailauth {

namespace {

struct SuiteOutput {
  std::vector<std::string> lines;
  int status = -1;
};

SuiteOutput run_suite() {
  SuiteOutput out;
  std::FILE* pipe = ::popen("/usr/bin/python3 " HAUSPOST_SPF_SUITE, "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  char piece[4096];
  for (std::size_t got; (got = std::fread(piece, 1, sizeof piece, pipe)) > 0;)
    text.append(piece, got);
  out.status = ::pclose(pipe);
  for (const std::string_view line : split(text, '\n')) {
    if (!line.empty()) out.lines.emplace_back(line);
  }
  return out;
}

std::string text_of(std::string_view hex) { return hex == "-" ? "" : from_hex(hex).value(); }

void add_record(dns::test::MapResolver& zone, const std::vector<std::string_view>& fields) {
  const std::string_view type = fields[0];
  if (type == "broken") {
    zone.broken_of.insert(std::string(fields[1]) + " " + text_of(fields[2]));
    return;
  }
  const std::string name = text_of(fields[1]);
  if (type == "name") zone.names.insert(name);
  if (type == "A") zone.a_records[name].push_back(text_of(fields[2]));
  if (type == "AAAA") zone.aaaa_records[name].push_back(text_of(fields[2]));
  if (type == "TXT") zone.txt_records[name].push_back(text_of(fields[2]));
  if (type == "PTR") zone.ptr_records[name].push_back(text_of(fields[2]));
  if (type == "CNAME") zone.aliases[name] = text_of(fields[2]);
  if (type == "MX") {
    zone.mx_records[name].push_back(
        {static_cast<std::uint16_t>(parse_u64(fields[2]).value()), text_of(fields[3])});
  }
}

SpfVerdict ask(dns::test::MapResolver& zone, SpfQuestion question) {
  asio::io_context io;
  std::optional<SpfVerdict> verdict;
  asio::co_spawn(
      io.get_executor(),
      [](dns::Resolver& resolver, SpfQuestion q, std::optional<SpfVerdict>& out) -> Task<void> {
        out = co_await check_spf(resolver, std::move(q));
      }(zone, std::move(question), verdict),
      [](const std::exception_ptr& error) {
        if (error) std::rethrow_exception(error);
      });
  io.run();
  return std::move(verdict).value();
}

void run_test(dns::test::MapResolver& zone, const std::vector<std::string_view>& fields) {
  INFO(fields[1]);
  SpfQuestion question;
  question.client = text_of(fields[2]);
  question.helo = text_of(fields[3]);
  question.sender = text_of(fields[4]);
  question.receiver = "receiver.example";
  const SpfVerdict verdict = ask(zone, question);
  const auto allowed = split(fields[5], ',');
  INFO("got " << to_string(verdict.result) << " (" << verdict.problem << "), may be " << fields[5]);
  CHECK(std::ranges::find(allowed, to_string(verdict.result)) != allowed.end());
  const std::string explanation = text_of(fields[6]);
  if (explanation != "?")
    CHECK((verdict.explanation.empty() ? "DEFAULT" : verdict.explanation) == explanation);
}

}  // namespace

TEST_CASE("spf: a name that macros made long is cut at once", "[spf]") {
  std::string name;
  for (int i = 0; i < 1 << 20; ++i) name += "a.";
  const std::string fit = fit_domain(name + "example.org");
  CHECK(fit.size() <= 253);
  CHECK(fit.size() > 250);
  CHECK(fit.ends_with(".a.example.org"));
  CHECK(fit_domain("example.org.") == "example.org");
  CHECK(fit_domain("a." + std::string(300, 'x')) == std::string(300, 'x'));
}

TEST_CASE("spf: the public test suite of RFC 7208 passes", "[spf]") {
  const SuiteOutput suite = run_suite();
  if (suite.status == 77 * 256) {
    WARN("skipped: Debian's packages python3-spf and python3-yaml are not installed");
    return;
  }
  REQUIRE(suite.status == 0);
  std::size_t tests = 0;
  dns::test::MapResolver zone;
  for (const std::string& line : suite.lines) {
    const auto fields = split(line, '\t');
    if (fields[0] == "scenario") {
      zone = {};
    } else if (fields[0] == "test") {
      run_test(zone, fields);
      ++tests;
    } else {
      add_record(zone, fields);
    }
  }
  CHECK(tests > 180);
}

}  // namespace hauspost::mailauth
