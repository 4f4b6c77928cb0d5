#include "protocols/smtp/command.h"

#include <catch2/catch.hpp>

#include <string>

#include "protocols/smtp/extensions.h"

using namespace hauspost::smtp;

namespace {

template <class T>
T parse_as(std::string_view line) {
  const auto parsed = parse_command(line);
  INFO(line);
  REQUIRE(parsed);
  REQUIRE(std::holds_alternative<T>(*parsed));
  return std::get<T>(*parsed);
}

}  // namespace

TEST_CASE("smtp command: MAIL with every parameter") {
  const auto mail = parse_as<MailCommand>(
      "mail from:<a@example.org> SIZE=1000 body=8bitmime SMTPUTF8 RET=HDRS ENVID=QQ+2B314159 "
      "AUTH=e+3Dmc2@example.com");
  CHECK(mail.from == Address{"a", "example.org"});
  CHECK(mail.size == 1000);
  CHECK(mail.body == BodyType::k8BitMime);
  CHECK(mail.smtputf8);
  CHECK(mail.ret == Ret::kHeaders);
  CHECK(mail.envid == "QQ+314159");
  CHECK(mail.auth == "e=mc2@example.com");
}

TEST_CASE("smtp command: the small forms of MAIL") {
  CHECK_FALSE(parse_as<MailCommand>("MAIL FROM:<>").from);
  CHECK(parse_as<MailCommand>("MAIL FROM: <a@x.org>  ").from == Address{"a", "x.org"});
  CHECK(parse_as<MailCommand>("MAIL FROM:<a@x.org> AUTH=<>").auth == "");
  CHECK(parse_as<MailCommand>("MAIL FROM:<> SIZE=0").size == 0);
  CHECK(parse_as<MailCommand>("MAIL FROM:<\xc3\xbc@x.org> SMTPUTF8").smtputf8);
}

TEST_CASE("smtp command: when, how fast and how safely a message is to go") {
  const auto mail = parse_as<MailCommand>(
      "MAIL FROM:<a@b.c> BODY=binarymime REQUIRETLS MT-PRIORITY=-4 HOLDFOR=172800 BY=120;Rt");
  CHECK(mail.body == BodyType::kBinaryMime);
  CHECK(mail.require_tls);
  CHECK(mail.priority == -4);
  CHECK(mail.hold_for_s == 172'800);
  CHECK(mail.deliver_by == DeliverBy{120, false, true});
  CHECK(mail.extensions_used() ==
        (kBinaryMimeExtension | kRequireTlsExtension | kPriorityExtension |
         kFutureReleaseExtension | kDeliverByExtension));
  CHECK(parse_as<MailCommand>("MAIL FROM:<a@b.c> SIZE=1 BODY=8BITMIME RET=FULL ENVID=x")
            .extensions_used() == 0);
  CHECK(parse_as<MailCommand>("MAIL FROM:<> BY=-5;n").deliver_by == DeliverBy{-5, true, false});
  CHECK(parse_as<MailCommand>("MAIL FROM:<> BY=+7;R").deliver_by == DeliverBy{7, false, false});
  const auto until = [](std::string_view text) {
    return parse_as<MailCommand>("MAIL FROM:<> HOLDUNTIL=" + std::string(text)).hold_until_s;
  };
  CHECK(until("2005-06-19T19:00:00Z") == 1'119'207'600);
  CHECK(until("2005-06-19t21:30:00+02:30") == 1'119'207'600);
  CHECK(until("2005-06-19T14:00:00-05:00") == 1'119'207'600);
  CHECK(until("2028-02-29T23:59:60Z") == 1'835'481'600);
}

TEST_CASE("smtp command: LHLO is a hello of its own") {
  CHECK(parse_as<EhloCommand>("LHLO a.example").lmtp);
  CHECK_FALSE(parse_as<EhloCommand>("EHLO a.example").lmtp);
  CHECK(verb_of(parse_command("lhlo a.example").value()) == Verb::kLhlo);
}

TEST_CASE("smtp command: RCPT with every parameter") {
  const auto rcpt = parse_as<RcptCommand>(
      "RCPT TO:<\"b c\"@example.org> NOTIFY=SUCCESS,delay ORCPT=rfc822;b+2Bc@example.org");
  CHECK(rcpt.to == Address{"b c", "example.org"});
  CHECK(rcpt.notify == (kNotifySuccess | kNotifyDelay));
  CHECK(rcpt.orcpt == "rfc822;b+2Bc@example.org");
  CHECK(parse_as<RcptCommand>("RCPT TO:<x@y.z> NOTIFY=NEVER").notify == kNotifyNever);
  CHECK(parse_as<RcptCommand>("RCPT TO:<Postmaster>").to == Address{"Postmaster", ""});
}

TEST_CASE("smtp command: the others") {
  CHECK(parse_as<EhloCommand>("EHLO [127.0.0.1]").name == "[127.0.0.1]");
  CHECK(parse_as<EhloCommand>("ehlo a.example").extended);
  CHECK_FALSE(parse_as<EhloCommand>("HELO a.example").extended);
  CHECK(parse_as<BdatCommand>("BDAT 86 LAST").bytes == 86);
  CHECK(parse_as<BdatCommand>("bdat 0 last").last);
  CHECK_FALSE(parse_as<BdatCommand>("BDAT 86").last);
  CHECK(parse_as<AuthCommand>("AUTH plain").mechanism == "PLAIN");
  CHECK_FALSE(parse_as<AuthCommand>("AUTH PLAIN").response);
  CHECK(parse_as<AuthCommand>("AUTH PLAIN dGVzdA==").response == "dGVzdA==");
  CHECK(parse_as<VrfyCommand>("VRFY someone").argument == "someone");
  parse_as<DataCommand>("DATA ");
  parse_as<RsetCommand>("rset");
  parse_as<NoopCommand>("NOOP anything goes");
  parse_as<QuitCommand>("QUIT");
  parse_as<HelpCommand>("HELP me");
  parse_as<StartTlsCommand>("STARTTLS");
}

TEST_CASE("smtp command: what is refused, and how") {
  struct Case {
    std::string line;
    int code;
    std::string_view enhanced;
  };
  const Case cases[] = {
      {"", 500, "5.5.1"},
      {" NOOP", 500, "5.5.1"},
      {"XYZZY", 500, "5.5.1"},
      {"MAILFROM:<a@b.c>", 500, "5.5.1"},
      {"NO\tOP", 500, "5.5.2"},
      {std::string("NOOP\0", 5), 500, "5.5.2"},
      {"NOOP \x1b[2J", 500, "5.5.2"},
      {"NOOP \xff", 500, "5.5.2"},
      {"EHLO", 501, "5.5.4"},
      {"EHLO a b", 501, "5.5.4"},
      {"MAIL", 501, "5.5.4"},
      {"MAIL <a@b.c>", 501, "5.5.4"},
      {"MAIL FROM", 501, "5.5.4"},
      {"MAIL FROM:", 501, "5.1.7"},
      {"MAIL FROM:a@b.c", 501, "5.1.7"},
      {"MAIL FROM:<a@b.c>SIZE=1", 501, "5.1.7"},
      {"MAIL FROM:<Postmaster>", 501, "5.1.7"},
      {"MAIL FROM:<a@b.c> SIZE", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> SIZE=", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> SIZE=-1", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> SIZE=99999999999999999999999", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> SIZE=1 SIZE=1", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> BODY=BINARY", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> BODY", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> REQUIRETLS=1", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> MT-PRIORITY", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> MT-PRIORITY=10", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> MT-PRIORITY=+1", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> MT-PRIORITY=-0", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> HOLDFOR=0", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> HOLDFOR=-1", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> HOLDFOR=1234567890", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> HOLDFOR=1 HOLDUNTIL=2027-01-01T00:00:00Z", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> HOLDUNTIL=2027-02-29T00:00:00Z", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> HOLDUNTIL=2027-01-01T24:00:00Z", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> HOLDUNTIL=2027-01-01T00:00:00", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> HOLDUNTIL=2027-01-01", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> BY=120", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> BY=120;", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> BY=120;X", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> BY=120;RX", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> BY=0;R", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> BY=-1;R", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> BY=1234567890;N", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> SMTPUTF8=yes", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> RET=ALL", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> ENVID=", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> ENVID=a+0Ab", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> ENVID=" + std::string(101, 'x'), 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> AUTH=a+0Ab@b.c", 501, "5.5.4"},
      {"MAIL FROM:<a@b.c> NOTIFY=NEVER", 555, "5.5.4"},
      {"MAIL FROM:<a@b.c> X-FOO=1", 555, "5.5.4"},
      {"MAIL FROM:<a@b.c> =1", 501, "5.5.4"},
      {"MAIL FROM:<\xc3\xbc@b.c>", 550, "5.6.7"},
      {"RCPT TO:<>", 501, "5.1.3"},
      {"RCPT TO:<a@b", 501, "5.1.3"},
      {"RCPT FROM:<a@b.c>", 501, "5.5.4"},
      {"RCPT TO:<a@b.c> NOTIFY=NEVER,DELAY", 501, "5.5.4"},
      {"RCPT TO:<a@b.c> NOTIFY=", 501, "5.5.4"},
      {"RCPT TO:<a@b.c> ORCPT=rfc822;a+0Ab", 501, "5.5.4"},
      {"RCPT TO:<a@b.c> ORCPT=a@b.c", 501, "5.5.4"},
      {"RCPT TO:<a@b.c> SIZE=1", 555, "5.5.4"},
      {"DATA now", 501, "5.5.4"},
      {"QUIT now", 501, "5.5.4"},
      {"RSET now", 501, "5.5.4"},
      {"STARTTLS now", 501, "5.5.4"},
      {"BDAT", 501, "5.5.4"},
      {"BDAT LAST", 501, "5.5.4"},
      {"BDAT 1 FIRST", 501, "5.5.4"},
      {"BDAT -1", 501, "5.5.4"},
      {"BDAT 99999999999999999999999", 501, "5.5.4"},
      {"AUTH", 501, "5.5.4"},
      {"AUTH PLAIN a b", 501, "5.5.4"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.line);
    const auto parsed = parse_command(c.line);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().reply.code == c.code);
    CHECK(parsed.error().reply.enhanced == c.enhanced);
    CHECK(parsed.error().offset <= c.line.size());
    CHECK(parsed.error().verb == find_verb(c.line));
  }
}

TEST_CASE("smtp command: the verb is found in any case and only as a whole word") {
  CHECK(find_verb("mAiL FROM:<>") == Verb::kMail);
  CHECK(find_verb("QUIT") == Verb::kQuit);
  CHECK_FALSE(find_verb("QUITE"));
  CHECK_FALSE(find_verb(""));
  CHECK(name_of(Verb::kStartTls) == "STARTTLS");
}
