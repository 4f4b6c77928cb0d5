#include <catch2/catch.hpp>

#include <atomic>
#include <fstream>
#include <thread>

#include "tests/unit/temp_folder.h"
#include "tools/cli/log_reader.h"
#include "tools/cli/top_facts.h"

using namespace hauspost;
using namespace hauspost::cli;

namespace {

constexpr std::string_view kStore =
    "2026-01-31T14:00:01.250+01:00 warning store DB1 pid=412 session.refused cause=x";

ServerMetrics moment(double commands, std::int64_t time_ms) {
  ServerMetrics out;
  out.time_ms = time_ms;
  out.snapshot.counter("hauspost_imap_commands_total", "C.", commands,
                       {{"role", "store"}, {"database", "DB1"}, {"command", "FETCH"}});
  auto& times =
      out.snapshot.family("hauspost_imap_command_seconds", "T.", metrics::Kind::kHistogram);
  times.bounds = {0.001, 0.01};
  times.samples.push_back(
      {{{"database", "DB1"}}, 0, {static_cast<std::uint64_t>(commands), 0, 0}, 1});
  out.snapshot.gauge("hauspost_sessions", "S.", 3, {{"role", "frontend"}, {"service", "imaps"}});
  out.snapshot.gauge("hauspost_sessions_logged_in", "S.", 2,
                     {{"role", "frontend"}, {"service", "imaps"}});
  out.snapshot.gauge("hauspost_child_up", "U.", 1, {{"role", "auth"}});
  out.snapshot.gauge("hauspost_child_up", "U.", 0, {{"role", "store"}, {"database", "DB1"}});
  out.snapshot.gauge("hauspost_process_resident_memory_bytes", "M.", 1 << 20, {{"role", "auth"}});
  return out;
}

double rate(const TopFacts& facts, std::string_view name) {
  return std::ranges::find(facts.rates, name, &TopRate::name)->per_s;
}

}  // namespace

TEST_CASE("top: rates are what came in between, and survive a restart") {
  const TopFacts facts = top_facts(moment(100, 1000), moment(120, 3000));
  CHECK(facts.interval_s == Approx(2));
  CHECK(rate(facts, "imap_commands") == Approx(10));
  CHECK(facts.latencies[0].count == 20);
  CHECK(*facts.latencies[0].p50_s == Approx(0.0005));
  const TopFacts anew = top_facts(moment(100, 1000), moment(6, 3000));
  CHECK(rate(anew, "imap_commands") == Approx(3));
  CHECK(anew.latencies[0].count == 6);
}

TEST_CASE("top: services and processes stand under their names") {
  TopFacts facts = top_facts(moment(0, 1000), moment(0, 2000));
  REQUIRE(facts.services.size() == 1);
  CHECK(facts.services[0].sessions == 3);
  CHECK(facts.services[0].logged_in == 2);
  REQUIRE(facts.processes.size() == 3);
  CHECK(facts.processes[2].name == "store DB1");
  CHECK_FALSE(facts.processes[2].up);
  sort_processes(facts, TopOrder::kMemory);
  CHECK(facts.processes[0].name == "auth");
  CHECK_FALSE(facts.latencies[0].p50_s);
  const std::string text = render_top(facts, 80);
  CHECK(text.find("store DB1") != std::string::npos);
  CHECK(to_json(facts)["rates_per_s"]["imap_commands"] == 0.0);
}

TEST_CASE("log show: filters take lines by process, event, level and time") {
  const auto fits = [](LogFilter filter) { return filter.fits(kStore); };
  CHECK(fits({}));
  CHECK(fits({.role = "store"}));
  CHECK(fits({.role = "store db1"}));
  CHECK_FALSE(fits({.role = "store DB2"}));
  CHECK_FALSE(fits({.role = "auth"}));
  CHECK(fits({.event = "session"}));
  CHECK(fits({.event = "session."}));
  CHECK(fits({.event = "session.refused"}));
  CHECK_FALSE(fits({.event = "sess"}));
  CHECK_FALSE(fits({.event = "session.refused.more"}));
  CHECK(fits({.least = log::Level::kWarning}));
  CHECK_FALSE(fits({.least = log::Level::kError}));
  const std::int64_t time = *log_time("2026-01-31T14:00:01.250+01:00");
  CHECK(time == 1769864401);
  CHECK(fits({.since_s = time}));
  CHECK_FALSE(fits({.since_s = time + 1}));
  CHECK(LogFilter{}.fits("what a library says"));
  CHECK_FALSE(LogFilter{.role = "store"}.fits("what a library says"));
}

TEST_CASE("log show: follows a file that is put aside and begun anew") {
  const test::TempFolder folder;
  const std::string path = folder / "hauspost.log";
  std::ofstream(path) << "old\n";
  std::vector<std::string> lines;  // the follower's until it is joined
  std::atomic<bool> seen = false;
  bool followed = false;
  std::thread follower([&] {
    followed = follow_log_file(path, [&](std::string_view line) {
                 lines.emplace_back(line);
                 if (line == "end") seen = true;
                 return line != "end";
               }).has_value();
    seen = true;
  });
  // Whatever the follower has seen by now, it sees "end" only in the new file.
  std::filesystem::rename(path, path + "-20260131-140001");
  std::ofstream(path + "-20260131-140001", std::ios::app) << "late\n";
  std::ofstream fresh(path);
  // It may come late: what it begins with is the end of the file.
  for (int i = 0; !seen; ++i) {
    fresh << "new\n" << std::flush;
    if (i >= 20) fresh << "end\n" << std::flush;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  follower.join();
  CHECK(followed);
  REQUIRE_FALSE(lines.empty());
  CHECK(lines.back() == "end");
}
