// What authentication does to messages in sessions.
#include <catch2/catch.hpp>

#include "tests/unit/transport/map_resolver.h"
#include "tests/unit/transport/rig.h"
#include "transport/authentication/aggregate_reports.h"

using namespace hauspost;
using namespace hauspost::transport;
using namespace hauspost::transport::test;

namespace {

class MemoryTracker final : public Tracker {
 public:
  void record(const TrackedEvent& event) override {
    if (event.event == TrackEvent::kVerdict)
      verdicts.push_back(fmt::format("{}: {}", event.status, event.detail));
  }
  std::vector<std::string> verdicts;
};

struct InspectRig : Rig {
  InspectRig() {
    zone.txt_records["example.net"] = {"v=spf1 ip4:192.0.2.7 -all"};
    zone.txt_records["strict.example"] = {"v=spf1 -all"};
    zone.txt_records["_dmarc.strict.example"] = {"v=DMARC1; p=reject; rua=mailto:d@strict.example"};
    services().tracker = &tracker;
    services().resolver = &zone;
    services().authentication = &authentication;
    authentication.report_to(&reports);
    reports.collect(true);
  }
  void enforce(mailauth::Enforcement enforcement) {
    auto settings = authentication.settings();
    settings.enforcement = enforcement;
    authentication.set(std::move(settings));
  }
  std::string mail(const link::SessionStart& start, const std::string& from,
                   const std::string& more = "") {
    return pipe(start, "MAIL FROM:<" + from + ">\r\nRCPT TO:<bert@example.org>\r\nDATA\r\n" + more +
                           "From: " + from + "\r\nSubject: Hi\r\n\r\nBody\r\n.\r\n");
  }
  std::vector<std::string> messages(const std::string& folder_name) {
    std::vector<std::string> all;
    const store::Snapshot snapshot = workers["DB1"]->database().snapshot();
    const auto mailbox = snapshot.mailbox(bert);
    if (!mailbox) return all;
    const auto found = snapshot.find_folder(mailbox->id, folder_name);
    REQUIRE(found);
    snapshot.for_each_message(found->id, {1, UINT32_MAX}, [&](const store::Message& message) {
      all.emplace_back(snapshot.body(message.body)->bytes);
      return true;
    });
    return all;
  }

  MemoryTracker tracker;
  dns::test::MapResolver zone;
  mailauth::Authentication authentication{clock, &zone, "mail.example.org"};
  mailauth::AggregateReports reports{clock, {}};
};

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++found;
  return found;
}

}  // namespace

TEST_CASE("inspect: what was found stands on top, and nothing else in our name", "[mailauth]") {
  InspectRig rig;
  const std::string forged =
      "Authentication-Results: mail.example.org; dmarc=pass header.from=bank.example\r\n"
      "Authentication-Results: other.example; spf=fail\r\n";
  CHECK(rig.mail(rig.anonymous(), "eve@example.net", forged).contains("250 2.0.0 Ok, id "));
  const auto inbox = rig.messages("INBOX");
  REQUIRE(inbox.size() == 1);
  INFO(inbox[0]);
  CHECK(
      inbox[0].contains("Authentication-Results: mail.example.org;\r\n\tspf=pass "
                        "smtp.mailfrom=eve@example.net;\r\n\tdkim=none;\r\n\tdmarc=none "
                        "header.from=example.net\r\n"));
  CHECK(count(inbox[0], "Authentication-Results:") == 2);
  CHECK_FALSE(inbox[0].contains("bank.example"));
  CHECK(inbox[0].find("Authentication-Results: mail") < inbox[0].find("Received:"));
  CHECK(rig.tracker.verdicts ==
        std::vector<std::string>{"accepted: spf=pass (example.net) dkim=none arc=none "
                                 "dmarc=none (example.net)"});
}

TEST_CASE("inspect: a forgery goes into Junk, is refused, or goes on", "[mailauth]") {
  InspectRig rig;
  CHECK(rig.mail(rig.anonymous(), "ceo@strict.example").contains("250 2.0.0 Ok, id "));
  CHECK(rig.messages("INBOX").empty());
  REQUIRE(rig.messages("Junk").size() == 1);
  CHECK(rig.messages("Junk")[0].contains("dmarc=fail (p=reject) header.from=strict.example"));

  rig.enforce(mailauth::Enforcement::kReject);
  CHECK(rig.mail(rig.anonymous(), "ceo@strict.example")
            .contains("550 5.7.26 The domain strict.example does not vouch for this message"));
  CHECK(rig.messages("Junk").size() == 1);

  rig.enforce(mailauth::Enforcement::kMonitor);
  CHECK(rig.mail(rig.anonymous(), "ceo@strict.example").contains("250 2.0.0 Ok, id "));
  CHECK(rig.messages("INBOX").size() == 1);
  CHECK(rig.reports.sums().front().messages == 3);
  CHECK(rig.reports.sums().front().failures == 3);
  REQUIRE(rig.tracker.verdicts.size() == 3);
  CHECK(rig.tracker.verdicts[0].starts_with("junk: "));
  CHECK(rig.tracker.verdicts[1].starts_with("550 5.7.26: "));
  CHECK(rig.tracker.verdicts[2].starts_with("accepted: "));
}

TEST_CASE("inspect: who logged in, and private clients, are not looked at", "[mailauth]") {
  InspectRig rig;
  rig.enforce(mailauth::Enforcement::kReject);
  link::SessionStart inside = rig.anonymous();
  inside.client_address = "10.0.0.7";
  CHECK(rig.mail(inside, "ceo@strict.example").contains("250 2.0.0 Ok, id "));
  CHECK(rig.mail(rig.user(), "anna@example.org").contains("250 2.0.0 Ok, id "));
  const auto inbox = rig.messages("INBOX");
  REQUIRE(inbox.size() == 2);
  for (const std::string& message : inbox) CHECK_FALSE(message.contains("Authentication-Results"));
  CHECK(rig.zone.asked.empty());
  CHECK(rig.tracker.verdicts.empty());
}

TEST_CASE("inspect: another name of ours in results is protected too", "[mailauth]") {
  InspectRig rig;
  auto settings = rig.authentication.settings();
  settings.authserv_id = "example.org";
  rig.authentication.set(std::move(settings));
  CHECK(rig.mail(rig.anonymous(), "eve@example.net",
                 "Authentication-Results: (x) Example.ORG 1; spf=pass\r\n"
                 "authentication-results: example.organic; spf=pass\r\n")
            .contains("250 2.0.0 Ok, id "));
  const auto inbox = rig.messages("INBOX");
  REQUIRE(inbox.size() == 1);
  CHECK(inbox[0].contains("Authentication-Results: example.org;\r\n"));
  CHECK(inbox[0].contains("example.organic"));
  CHECK_FALSE(inbox[0].contains("(x)"));
}
