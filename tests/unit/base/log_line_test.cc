#include "base/log_line.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/log.h"

using namespace hauspost;

namespace {

constexpr std::string_view kLine =
    "2026-01-31T14:00:01.250+01:00 warning store DB1 pid=412 session.refused session=ab-12 "
    "cause=\"too many = of them\" user=\"\"";

}  // namespace

TEST_CASE("log line: what was written is taken apart again") {
  const auto line = log::parse_line(kLine);
  REQUIRE(line);
  CHECK(line->time == "2026-01-31T14:00:01.250+01:00");
  CHECK(line->level == "warning");
  CHECK(line->role == "store DB1");
  CHECK(line->pid == "412");
  CHECK(line->event == "session.refused");
  REQUIRE(line->fields.size() == 3);
  CHECK(line->fields[0] == std::pair<std::string_view, std::string_view>("session", "ab-12"));
  CHECK(line->fields[1].second == "too many = of them");
  CHECK(line->fields[2].second.empty());
}

TEST_CASE("log line: a line without fields, and one that was cut, are lines still") {
  CHECK(log::parse_line("2026-01-31T14:00:01.250+01:00 info hauspostd pid=1 server.stopped")
            ->fields.empty());
  // Wherever it is cut behind the event, what is whole stays.
  const std::size_t event_end = kLine.find(" session=");
  for (std::size_t length = event_end; length < kLine.size(); ++length) {
    const auto line = log::parse_line(kLine.substr(0, length));
    REQUIRE(line);
    CHECK(line->event == "session.refused");
  }
}

TEST_CASE("log line: what is no line of ours is told apart") {
  for (const std::string_view text :
       {"", "terminate called without an active exception", "2026-01-31T14:00:01.250+01:00",
        "2026-01-31T14:00:01.250+01:00 loud auth pid=1 event",
        "2026-01-31T14:00:01.250+01:00 info auth event key=value",
        "2026-01-31T14:00:01.250+01:00 info auth pid=x event"}) {
    INFO(text);
    CHECK_FALSE(log::parse_line(text));
  }
}

TEST_CASE("log: a redirected line is whole and parses") {
  std::vector<std::string> lines;
  log::redirect([&](std::string_view line) { lines.emplace_back(line); });
  log::info("test.redirected", {{"name", "a b"}, {"count", 3}});
  log::redirect({});
  REQUIRE(lines.size() == 1);
  REQUIRE(lines[0].ends_with('\n'));
  const auto line = log::parse_line(std::string_view(lines[0]).substr(0, lines[0].size() - 1));
  REQUIRE(line);
  CHECK(line->event == "test.redirected");
  CHECK(line->fields[0].second == "a b");
}

TEST_CASE("log: a full pipe makes nobody wait; what was dropped is counted and told") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
  const int kept = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  const std::string filler(1000, 'x');
  for (int i = 0; i < 200; ++i) log::info("test.flood", {{"filler", filler}, {"number", i}});
  std::string text(1 << 20, '\0');
  const auto drain = [&] {
    std::string all;
    for (ssize_t got; (got = ::read(ends[0], text.data(), text.size())) > 0;)
      all.append(text.data(), static_cast<std::size_t>(got));
    return all;
  };
  const std::string first = drain();
  log::info("test.after");
  const std::string after = drain();
  ::dup2(kept, STDERR_FILENO);
  ::close(kept);
  ::close(ends[0]);
  ::close(ends[1]);
  const auto written = std::count(first.begin(), first.end(), '\n');
  CHECK(written > 10);
  CHECK(written < 200);
  CHECK(first.ends_with('\n'));  // no half line
  CHECK(after.find("log.dropped lines=" + std::to_string(200 - written) + "\n") !=
        std::string::npos);
  CHECK(after.find("test.after") != std::string::npos);
}

TEST_CASE("log: the level can be changed while the process runs") {
  int lines = 0;
  log::redirect([&](std::string_view) { ++lines; });
  log::debug("test.quiet");
  CHECK(lines == 0);
  log::set_level(log::Level::kDebug);
  log::debug("test.loud");
  CHECK(lines == 1);
  log::set_level(log::Level::kError);
  log::warning("test.quiet");
  CHECK(lines == 1);
  log::set_level(log::Level::kInfo);
  log::redirect({});
  CHECK(log::level_of("warning") == log::Level::kWarning);
  CHECK_FALSE(log::level_of("loud"));
}
