#include <catch2/catch.hpp>


#include "base/text.h"
#include "transport/dsn/advice.h"
#include "transport/dsn/fields.h"
#include "transport/dsn/report.h"

using namespace hauspost;
using namespace hauspost::transport;

namespace {

constexpr WallTime kNow{std::chrono::seconds(1'795'287'600)};  // 2026-11-21 19:00:00

const DsnOptions kOptions{"mx.example.org", "postmaster@example.org"};
const std::string kOriginal =
    "Subject: Lunch\r\n tomorrow\r\nMessage-ID: <m1@example.org>\r\n\r\nAt one?\r\n";

Envelope envelope() {
  Envelope out;
  out.delivery = *Guid::parse("11111111-2222-3333-4444-555555555555");
  out.sender = "anna@example.org";
  out.received = kNow - std::chrono::minutes(5);
  return out;
}

DsnRecipient failed(std::string address = "bob@example.net") {
  DsnRecipient out;
  out.recipient.address = std::move(address);
  out.result = {RecipientResult::Kind::kFailed, "5.1.1", "550 5.1.1 No such user",
                "mail.example.net"};
  out.last_attempt = kNow;
  return out;
}

// With what changes from report to report replaced.
std::string normal(std::string text) {
  const auto replace_all = [&](const std::string& from, const std::string& to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at))
      text.replace(at, from.size(), to);
  };
  const std::size_t boundary = text.find("boundary=\"") + 10;
  replace_all(text.substr(boundary, text.find('"', boundary) - boundary), "BOUNDARY");
  const std::size_t id = text.find("Message-ID: <") + 13;
  text.replace(id, text.find('@', id) - id, "ID");
  return text;
}

std::string between(const std::string& text, std::string_view from, std::string_view to) {
  const std::size_t begin = text.find(from);
  if (begin == std::string::npos) return "no " + std::string(from);
  return text.substr(begin, text.find(to, begin) - begin);
}

std::string status_part(const std::string& report) {
  return between(report, "Reporting-MTA", "\r\n\r\n--");
}

}  // namespace

TEST_CASE("dsn: a failure, octet for octet") {
  const std::string report = compose_dsn(kOptions, envelope(), kOriginal, {failed()}, kNow);
  CHECK(normal(report) ==
        "Date: Sat, 21 Nov 2026 19:00:00 +0000\r\n"
        "From: Mail Delivery System <postmaster@example.org>\r\n"
        "To: <anna@example.org>\r\n"
        "Subject: Undelivered: Lunch tomorrow\r\n"
        "Message-ID: <ID@mx.example.org>\r\n"
        "In-Reply-To: <m1@example.org>\r\n"
        "References: <m1@example.org>\r\n"
        "Auto-Submitted: auto-replied\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status;\r\n"
        "\tboundary=\"BOUNDARY\"\r\n"
        "\r\n"
        "--BOUNDARY\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n"
        "\r\n"
        "This is a report from the mail server mx.example.org.\r\n"
        "\r\n"
        "Your message could not be delivered to this recipient. It will not be tried\r\n"
        "again:\r\n"
        "\r\n"
        "  bob@example.net\r\n"
        "    There is no such mailbox there. Check the address for mistakes, or ask\r\n"
        "    the recipient by another way.\r\n"
        "    mail.example.net said: 550 5.1.1 No such user\r\n"
        "\r\n"
        "The report is made by a machine. For help write to postmaster@example.org\r\n"
        "and give this number: 11111111-2222-3333-4444-555555555555\r\n"
        "\r\n"
        "--BOUNDARY\r\n"
        "Content-Type: message/delivery-status\r\n"
        "\r\n"
        "Reporting-MTA: dns; mx.example.org\r\n"
        "Arrival-Date: Sat, 21 Nov 2026 18:55:00 +0000\r\n"
        "\r\n"
        "Final-Recipient: rfc822; bob@example.net\r\n"
        "Action: failed\r\n"
        "Status: 5.1.1\r\n"
        "Remote-MTA: dns; mail.example.net\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 No such user\r\n"
        "Last-Attempt-Date: Sat, 21 Nov 2026 19:00:00 +0000\r\n"
        "\r\n"
        "--BOUNDARY\r\n"
        "Content-Type: message/rfc822\r\n"
        "\r\n" +
            kOriginal +
            "\r\n"
            "--BOUNDARY--\r\n");
}

TEST_CASE("dsn: a delay says until when it is tried, and returns the header only") {
  DsnRecipient late = failed();
  late.action = DsnAction::kDelayed;
  late.result = {RecipientResult::Kind::kDeferred, "4.4.1", "connection timed out", ""};
  late.will_retry_until = kNow + std::chrono::hours(44);
  const std::string report = compose_dsn(kOptions, envelope(), kOriginal, {late}, kNow);
  CHECK(report.find("Subject: Delayed: Lunch tomorrow\r\n") != std::string::npos);
  CHECK(report.find("Action: delayed\r\nStatus: 4.4.1\r\n") != std::string::npos);
  CHECK(report.find("Diagnostic-Code: x-hauspost; connection timed out\r\n") != std::string::npos);
  CHECK(report.find("Will-Retry-Until: Mon, 23 Nov 2026 15:00:00 +0000\r\n") != std::string::npos);
  CHECK(report.find("    It is tried until Mon, 23 Nov 2026 15:00:00 +0000.\r\n") !=
        std::string::npos);
  CHECK(report.find("Content-Type: text/rfc822-headers\r\n\r\nSubject: Lunch") !=
        std::string::npos);
  CHECK(report.find("At one?") == std::string::npos);
  CHECK(report.find("Remote-MTA") == std::string::npos);
}

TEST_CASE("dsn: several recipients stand in groups of their own") {
  DsnRecipient delivered = failed("carl@example.org");
  delivered.action = DsnAction::kDelivered;
  delivered.result = {RecipientResult::Kind::kDelivered, "2.1.5", "", ""};
  const std::string report = compose_dsn(kOptions, envelope(), kOriginal,
                                         {delivered, failed(), failed("eve@example.net")}, kNow);
  CHECK(report.find("Subject: Undelivered: ") != std::string::npos);
  CHECK(status_part(normal(report)) ==
        "Reporting-MTA: dns; mx.example.org\r\n"
        "Arrival-Date: Sat, 21 Nov 2026 18:55:00 +0000\r\n"
        "\r\n"
        "Final-Recipient: rfc822; carl@example.org\r\n"
        "Action: delivered\r\n"
        "Status: 2.1.5\r\n"
        "Last-Attempt-Date: Sat, 21 Nov 2026 19:00:00 +0000\r\n"
        "\r\n"
        "Final-Recipient: rfc822; bob@example.net\r\n"
        "Action: failed\r\n"
        "Status: 5.1.1\r\n"
        "Remote-MTA: dns; mail.example.net\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 No such user\r\n"
        "Last-Attempt-Date: Sat, 21 Nov 2026 19:00:00 +0000\r\n"
        "\r\n"
        "Final-Recipient: rfc822; eve@example.net\r\n"
        "Action: failed\r\n"
        "Status: 5.1.1\r\n"
        "Remote-MTA: dns; mail.example.net\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 No such user\r\n"
        "Last-Attempt-Date: Sat, 21 Nov 2026 19:00:00 +0000");
  // People read the failures first.
  CHECK(report.find("could not be delivered") < report.find("is in the mailbox"));
}

TEST_CASE("dsn: how much of the original comes back") {
  Envelope original = envelope();
  const auto returned = [&](const DsnOptions& options = kOptions) {
    const std::string report = compose_dsn(options, original, kOriginal, {failed()}, kNow);
    return report.find("At one?") != std::string::npos;
  };
  CHECK(returned());
  original.ret = smtp::Ret::kFull;
  CHECK(returned());
  CHECK_FALSE(returned({"mx.example.org", "postmaster@example.org", kOriginal.size() - 1}));
  CHECK(returned({"mx.example.org", "postmaster@example.org", kOriginal.size()}));
  original.binary = true;
  CHECK_FALSE(returned());
  original.binary = false;
  original.ret = smtp::Ret::kHeaders;
  CHECK_FALSE(returned());
}

TEST_CASE("dsn: the envelope's own words come back decoded, and can inject nothing") {
  Envelope original = envelope();
  original.envid = "QQ 314159";
  DsnRecipient recipient = failed();
  recipient.recipient.orcpt = "rfc822;Bob+2Bx@Example.NET";
  const auto report = [&] { return compose_dsn(kOptions, original, kOriginal, {recipient}, kNow); };
  CHECK(report().find("Original-Envelope-Id: QQ 314159\r\nReporting-MTA") != std::string::npos);
  CHECK(report().find("Original-Recipient: rfc822; Bob+x@Example.NET\r\nFinal-Recipient") !=
        std::string::npos);
  recipient.recipient.orcpt = "rfc822;a+0D+0AStatus:+202.0.0";
  CHECK(report().find("Original-Recipient") == std::string::npos);
  recipient.recipient.orcpt.clear();
  recipient.recipient.original = "list@example.org";
  CHECK(report().find("Original-Recipient: rfc822; list@example.org\r\n") != std::string::npos);
  CHECK(report().find("  list@example.org\r\n    There is no") != std::string::npos);
  original.envid = "a\r\nStatus: 2.0.0";
  CHECK(report().find("Original-Envelope-Id: a+0D+0AStatus: 2.0.0") == std::string::npos);
  CHECK(report().find("\nStatus: 2.0.0") == std::string::npos);
  recipient.result.diagnostic = "550-5.1.1 first\r\n550 5.1.1 second\r\n\r\n--x";
  CHECK(report().find("Diagnostic-Code: smtp; 550-5.1.1 first 550 5.1.1 second --x\r\n") !=
        std::string::npos);
  recipient.result.remote_host = "mail.example.net\r\nAction: delivered";
  CHECK(report().find("\nAction: delivered") == std::string::npos);
}

TEST_CASE("dsn: a status always suits its action") {
  DsnRecipient recipient = failed();
  const auto status = [&] {
    return between(compose_dsn(kOptions, envelope(), kOriginal, {recipient}, kNow),
                   "Status:", "\r\n");
  };
  CHECK(status() == "Status: 5.1.1");
  recipient.result.status = "4.4.7";
  CHECK(status() == "Status: 4.4.7");
  for (const char* wrong : {"", "2.0.0", "5.1", "5.1.1.1", "x.1.1", "5.1.1234", "5.a.1"}) {
    recipient.result.status = wrong;
    CHECK(status() == "Status: 5.0.0");
  }
  recipient.action = DsnAction::kDelayed;
  recipient.result.status = "5.1.1";
  CHECK(status() == "Status: 4.0.0");
  recipient.action = DsnAction::kRelayed;
  CHECK(status() == "Status: 2.0.0");
}

TEST_CASE("dsn: addresses beyond ASCII (RFC 6533)") {
  Envelope original = envelope();
  DsnRecipient recipient = failed("grå@blåbær.example");
  const auto report = [&](const std::string& text) {
    return compose_dsn(kOptions, original, text, {recipient}, kNow);
  };
  // The sender did not say that it can read them.
  const std::string plain = report(kOriginal);
  CHECK(plain.find("Content-Type: message/delivery-status\r\n") != std::string::npos);
  CHECK(plain.find("Final-Recipient: utf-8; gr\\x{E5}@bl\\x{E5}b\\x{E6}r.example\r\n") !=
        std::string::npos);
  CHECK(is_ascii(between(plain, "Reporting-MTA", "\r\n\r\n--")));

  original.smtputf8 = true;
  const std::string global = report("Subject: blåbær\r\n\r\nx\r\n");
  CHECK(global.find("report-type=global-delivery-status") != std::string::npos);
  CHECK(global.find("\r\nContent-Transfer-Encoding: 8bit\r\n\r\n--") != std::string::npos);
  CHECK(global.find("Content-Type: message/global-delivery-status\r\n") != std::string::npos);
  CHECK(global.find("Content-Type: message/global\r\n") != std::string::npos);
  CHECK(global.find("Final-Recipient: utf-8; grå@blåbær.example\r\n") != std::string::npos);
  CHECK(global.find("Subject: Undelivered: blåbær\r\n") != std::string::npos);
  original.ret = smtp::Ret::kHeaders;
  CHECK(report(kOriginal).find("Content-Type: message/global-headers\r\n") != std::string::npos);

  recipient.recipient = {"bob@example.net"};
  CHECK(report(kOriginal).find("global") == std::string::npos);
}

TEST_CASE("dsn: an 8-bit subject in a report to somebody without SMTPUTF8") {
  const std::string report =
      compose_dsn(kOptions, envelope(), "Subject: blåbær\r\n\r\nå\r\n", {failed()}, kNow);
  CHECK(report.find("Subject: Undelivered: =?utf-8?B?YmzDpWLDpnI=?=\r\n") != std::string::npos);
  CHECK(is_ascii(report.substr(0, report.find("\r\n\r\n"))));
  CHECK(report.find("Content-Transfer-Encoding: 8bit\r\n\r\n--") != std::string::npos);
}

TEST_CASE("dsn: messages without a header, without a subject, without an end") {
  for (const std::string& text :
       {std::string("\r\nbody only\r\n"), std::string("From: a\r\n\r\n"), std::string("From: a"),
        std::string(), std::string("no header at all\r\n")}) {
    const std::string report = compose_dsn(kOptions, envelope(), text, {failed()}, kNow);
    CHECK(report.find("Subject: Undelivered: your message\r\n") != std::string::npos);
    CHECK(report.find("\r\n\r\n" + text) != std::string::npos);
    CHECK(report.ends_with("--\r\n"));
  }
}

TEST_CASE("dsn: what NOTIFY asks for") {
  const auto wanted = [](smtp::NotifyBits notify) {
    std::string out;
    Recipient recipient{"a@example.org", notify};
    for (const auto& [action, letter] :
         {std::pair{DsnAction::kFailed, 'f'}, std::pair{DsnAction::kDelayed, 'y'},
          std::pair{DsnAction::kDelivered, 'd'}, std::pair{DsnAction::kRelayed, 'r'},
          std::pair{DsnAction::kExpanded, 'e'}}) {
      if (is_wanted(recipient, action)) out += letter;
    }
    return out;
  };
  CHECK(wanted(0) == "fy");
  CHECK(wanted(smtp::kNotifyNever).empty());
  CHECK(wanted(smtp::kNotifySuccess) == "dre");
  CHECK(wanted(smtp::kNotifyFailure) == "f");
  CHECK(wanted(smtp::kNotifyDelay) == "y");
  CHECK(wanted(smtp::kNotifySuccess | smtp::kNotifyFailure | smtp::kNotifyDelay) == "fydre");
}

TEST_CASE("dsn: advice goes from the particular to the general") {
  CHECK(advice_for("5.1.1").starts_with("There is no such mailbox"));
  CHECK(advice_for("5.1.10").starts_with("The domain says"));
  CHECK(advice_for("4.2.2") == advice_for("5.2.2"));
  CHECK(advice_for("5.2.9").starts_with("The recipient's mailbox could not"));
  CHECK(advice_for("4.9.9").starts_with("The recipient's server did not"));
  CHECK(advice_for("5.0.0") == "The message cannot be delivered.");
  CHECK(advice_for("") == "The message cannot be delivered.");
}

TEST_CASE("dsn: fields") {
  CHECK(orcpt_value("rfc822;bob@example.net", false) == "rfc822; bob@example.net");
  CHECK(orcpt_value("RFC822;bob@example.net", false) == "rfc822; bob@example.net");
  CHECK(orcpt_value("utf-8;gr\\x{E5}@x.example", true) == "utf-8; grå@x.example");
  CHECK(orcpt_value("utf-8;gr\\x{E5}@x.example", false) == "utf-8; gr\\x{E5}@x.example");
  CHECK(orcpt_value("utf-8;grå@x.example", false) == "utf-8; gr\\x{E5}@x.example");
  for (const char* wrong : {"", "bob@example.net", ";x", "a b;x", "rfc822;", "rfc822;+ZZ",
                            "rfc822;+C3+A5", "utf-8;\\x{D800}", "utf-8;\\x{110000}", "utf-8;\\x{",
                            "utf-8;\\x{}", "utf-8;\\x{0A}", "utf-8;\\x{zz}"}) {
    CAPTURE(wrong);
    CHECK(orcpt_value(wrong, true).empty());
  }
  CHECK(address_value("a\r\nb@x", true).empty());
  CHECK(line_text(" a \t b\r\n\r\nc ", false) == "a b c");
  CHECK(line_text("blåbær", false) == "bl??b??r");
  CHECK(line_text("blåbær", true) == "blåbær");
  CHECK(line_text("aaååå", true, 6) == "aa...");
  std::string long_field;
  append_field(long_field, "X", std::string(50, 'a') + " " + std::string(50, 'b'));
  CHECK(long_field == "X: " + std::string(50, 'a') + "\r\n " + std::string(50, 'b') + "\r\n");
}
