#include "server/health/monitor.h"

#include <catch2/catch.hpp>

#include "server/health/mails.h"
#include "server/health/restarts.h"

namespace hauspost::health {

namespace {

using Change = Monitor::Change;
constexpr MonitorRules kRules{.failures = 3, .window = 5};

// 'g' is a good outcome, 'f' a failure; a second passes with each.
std::string changes_of(Monitor& monitor, std::string_view outcomes, WallSeconds now = 1000) {
  std::string changes;
  for (const char outcome : outcomes) {
    switch (monitor.note(outcome == 'g', ++now, "no answer", kRules)) {
      case Change::kNone: changes += '.'; break;
      case Change::kBroke: changes += 'B'; break;
      case Change::kRecovered: changes += 'R'; break;
    }
  }
  return changes;
}

}  // namespace

TEST_CASE("health monitor: failures within the window break it, as many good ones heal it") {
  const std::pair<std::string_view, std::string_view> tries[] = {
      {"ggggg", "....."},
      {"ff", ".."},
      {"fff", "..B"},
      {"ffgf", "...B"},
      {"fgfgf", "....B"},
      {"fgggfgggf", "........."},  // never three of five
      {"ffffff", "..B..."},        // it breaks once
      {"fffggg", "..B..R"},
      {"fffggfggg", "..B.....R"},  // a failure begins the count anew
      {"fffgggfff", "..B..R..B"},
  };
  for (const auto& [outcomes, wanted] : tries) {
    INFO(outcomes);
    Monitor monitor;
    CHECK(changes_of(monitor, outcomes) == wanted);
  }
}

TEST_CASE("health monitor: what it says of itself") {
  Monitor monitor;
  CHECK(monitor.looked() == 0);
  changes_of(monitor, "gfff", 100);
  CHECK_FALSE(monitor.healthy());
  CHECK(monitor.since() == 104);
  CHECK(monitor.looked() == 104);
  CHECK(monitor.failure() == "no answer");
  CHECK(monitor.failures() == 3);
}

TEST_CASE("health monitor: after a restart as many failures are needed again") {
  Monitor monitor;
  changes_of(monitor, "fff");
  monitor.forget();
  CHECK_FALSE(monitor.healthy());
  CHECK(monitor.failures() == 0);
  CHECK(changes_of(monitor, "ffggg") == "....R");
}

TEST_CASE("health restarts: so many an hour and no more") {
  Restarts restarts;
  WallSeconds now = 10'000;
  CHECK(restarts.take("store DB1", now, 2));
  CHECK(restarts.take("store DB1", now + 60, 2));
  CHECK_FALSE(restarts.take("store DB1", now + 120, 2));
  CHECK(restarts.take("transport", now + 120, 2));
  CHECK(restarts.within_hour("store DB1", now + 120) == 2);
  CHECK(restarts.take("store DB1", now + Restarts::kWindow_s, 2));
  CHECK_FALSE(restarts.take("store DB1", now + Restarts::kWindow_s + 30, 2));
  CHECK_FALSE(restarts.take("auth", now, 0));
}

TEST_CASE("health restarts: a clock that was set back locks nobody out") {
  Restarts restarts;
  CHECK(restarts.take("auth", 1'000'000, 1));
  CHECK_FALSE(restarts.take("auth", 1'000'001, 1));
  CHECK(restarts.take("auth", 500'000, 1));
}

TEST_CASE("health mails: one when it breaks, one when it is well, one fault an hour") {
  Mails mails;
  WallSeconds now = 50'000;
  mails.broke("imap DB1", now, "broken", "");
  mails.broke("imap DB1", now + 60, "broken", "");
  REQUIRE(mails.pending().size() == 1);
  mails.recovered("imap DB1", now + 120, "well", "");
  mails.recovered("imap DB1", now + 130, "well", "");
  REQUIRE(mails.pending().size() == 2);
  CHECK(mails.pending().back().subject == "well");

  // A second fault within the hour is not told, nor its end, unless it outlasts the hour.
  mails.broke("imap DB1", now + 200, "broken", "");
  mails.recovered("imap DB1", now + 300, "well", "");
  CHECK(mails.pending().size() == 2);
  mails.broke("imap DB1", now + 400, "broken", "");
  mails.broke("imap DB1", now + Mails::kEach_s, "broken", "");
  CHECK(mails.pending().size() == 3);
  mails.broke("auth", now + 400, "broken", "");
  CHECK(mails.pending().size() == 4);
}

TEST_CASE("health mails: what cannot be sent is kept, but not without end") {
  Mails mails;
  for (int i = 0; i < 60; ++i)
    mails.broke("set" + std::to_string(i), 1000 + i, std::to_string(i), "");
  REQUIRE(mails.pending().size() == Mails::kPendingMax);
  CHECK(mails.pending().front().subject == "10");
}

TEST_CASE("health mails: the message has the fields of RFC 5322 and no line of its own making") {
  Mail mail;
  mail.subject = "imap DB1 does not work\r\nBcc: somebody@example.org";
  mail.body = "It failed.\nIt was restarted.";
  mail.time = 1'700'000'000;
  const std::string text = mail_text(mail, "admin@example.org", "mail.example.org");
  CHECK(
      text.starts_with("Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
                       "From: Hauspost <postmaster@mail.example.org>\r\n"
                       "To: <admin@example.org>\r\n"));
  CHECK(text.find("\r\nBcc:") == std::string::npos);
  CHECK(text.ends_with("\r\n\r\nIt failed.\r\nIt was restarted.\r\n"));
}

}  // namespace hauspost::health
