#include "base/log.h"

#include <unistd.h>

#include <catch2/catch.hpp>

#include <array>

using namespace hauspost;

namespace {

// What standard error gets while `action` runs.
template <class Action>
std::string captured(Action action) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const int kept = dup(STDERR_FILENO);
  dup2(ends[1], STDERR_FILENO);
  close(ends[1]);
  action();
  dup2(kept, STDERR_FILENO);
  close(kept);
  std::string text;
  std::array<char, 8192> buffer;
  for (ssize_t got; (got = read(ends[0], buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(got));
  close(ends[0]);
  return text;
}

}  // namespace

TEST_CASE("log: an event is one line, whatever a peer sent") {
  const std::string text = captured([] {
    log::info("test.event", {{"peer", "a\r\n2024 forged line"}, {"count", 3}, {"ok", true}});
  });
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK(text.find("test.event peer=\"a\\x0d\\x0a2024 forged line\" count=3 ok=true\n") !=
        std::string::npos);
}

TEST_CASE("log: values with spaces, equal signs or nothing in them are quoted") {
  CHECK(log::Field("k", "plain").text == "plain");
  CHECK(log::Field("k", "").text == "\"\"");
  CHECK(log::Field("k", "a b").text == "\"a b\"");
  CHECK(log::Field("k", "a=b").text == "\"a=b\"");
  CHECK(log::Field("k", "say \"x\"").text == "\"say \\x22x\\x22\"");
  CHECK(log::Field("k", std::string(5000, 'a')).text.size() == 1027);
}

TEST_CASE("log: braces in values are not taken for format fields") {
  const std::string text = captured([] { log::info("test.braces", {{"value", "{} {0} %s"}}); });
  CHECK(text.find("value=\"{} {0} %s\"") != std::string::npos);
}

TEST_CASE("log: secrets never show") {
  const Secret secret("hunter2");
  CHECK(log::Field("password", secret).text == "***");
  const std::string text = captured([&] { log::warning("test.secret", {{"password", secret}}); });
  CHECK(text.find("hunter2") == std::string::npos);
  CHECK(text.find("password=***") != std::string::npos);
}

TEST_CASE("log: a secret copies and moves, and leaves nothing behind when moved") {
  Secret first("short");
  const Secret copy = first;
  Secret second = std::move(first);
  CHECK(copy.reveal() == "short");
  CHECK(second.reveal() == "short");
  CHECK(first.empty());  // NOLINT: looked at on purpose
  CHECK(std::string(first.reveal().data(), 5) ==
        std::string(5, '\0'));  // within small-string space
  second = Secret(std::string(100, 'x'));
  CHECK(second.reveal() == std::string(100, 'x'));
  second = copy;
  CHECK(second.reveal() == "short");
}

TEST_CASE("log: lines below the level are left out and the role is named") {
  const std::string text = captured([] {
    log::start("tester DB1", log::Level::kWarning);
    log::info("test.hidden");
    log::error("test.shown");
    log::start("tester", log::Level::kInfo);
  });
  CHECK(text.find("test.hidden") == std::string::npos);
  CHECK(text.find("tester DB1") != std::string::npos);
  CHECK(text.find("test.shown") != std::string::npos);
}
