#include "protocols/smtp/received_reply.h"

#include <catch2/catch.hpp>

#include "protocols/smtp/peer_extensions.h"

using namespace hauspost::smtp;

namespace {

struct Parse {
  ReplyStatus status = ReplyStatus::kNeedMore;
  ReceivedReply reply;
  std::string rest;
};

// The first reply of `input`, fed in pieces of `step` octets.
Parse parse(std::string_view input, std::size_t step) {
  Parse out;
  ReplyParser parser;
  std::string buffer;
  while (out.status == ReplyStatus::kNeedMore && !input.empty()) {
    const std::size_t count = std::min(step, input.size());
    buffer += input.substr(0, count);
    input.remove_prefix(count);
    for (;;) {
      const LineScan scan = scan_line(buffer, kReplyLineMax);
      if (scan.status == LineStatus::kNeedMore) break;
      out.status = parser.feed(scan);
      buffer.erase(0, scan.consumed);
      if (out.status != ReplyStatus::kNeedMore) break;
    }
  }
  if (out.status == ReplyStatus::kReply) out.reply = parser.take();
  out.rest = buffer + std::string(input);
  return out;
}

Parse parse(std::string_view input) {
  Parse whole = parse(input, input.size());
  const Parse bytewise = parse(input, 1);
  CHECK(whole.status == bytewise.status);
  CHECK(whole.reply.code == bytewise.reply.code);
  CHECK(whole.reply.lines == bytewise.reply.lines);
  CHECK(whole.rest == bytewise.rest);
  return whole;
}

ReceivedReply reply(std::string_view input) {
  const Parse parsed = parse(input);
  REQUIRE(parsed.status == ReplyStatus::kReply);
  return parsed.reply;
}

}  // namespace

TEST_CASE("smtp client: replies", "[reply]") {
  CHECK(reply("250 Ok\r\n").code == 250);
  CHECK(reply("250 Ok\r\n").lines == std::vector<std::string>{"Ok"});
  CHECK(reply("354\r\n").is_intermediate());
  CHECK(reply("354\r\n").lines == std::vector<std::string>{""});
  const ReceivedReply many = reply("550-5.1.1 Not here\r\n550 5.1.1 ask somebody\r\n");
  CHECK(many.is_permanent());
  CHECK(many.enhanced == "5.1.1");
  CHECK(many.diagnostic() == "550 5.1.1 Not here ask somebody");
  CHECK(many.status("0.0") == "5.1.1");
  CHECK(reply("421 bye\r\n").status("3.2") == "4.3.2");
  CHECK(parse("250 one\r\n250 two\r\n").rest == "250 two\r\n");
}

TEST_CASE("smtp client: an enhanced code is one of its reply's class", "[reply]") {
  CHECK(reply("550 4.2.1 no\r\n").enhanced.empty());
  CHECK(reply("550 4.2.1 no\r\n").diagnostic() == "550 4.2.1 no");
  CHECK(reply("550 5.1\r\n").enhanced.empty());
  CHECK(reply("550 5.1.\r\n").enhanced.empty());
  CHECK(reply("550 5.1.1234 no\r\n").enhanced.empty());
  CHECK(reply("550 5.1.1no\r\n").enhanced.empty());
  CHECK(reply("550 5.1.123\r\n").enhanced == "5.1.123");
  CHECK(reply("452 4.5.3 Too many\r\n").enhanced == "4.5.3");
}

TEST_CASE("smtp client: what is no reply", "[reply]") {
  const std::string long_line = "250 " + std::string(kReplyLineMax, 'x') + "\r\n";
  std::string many_lines;
  for (std::size_t i = 0; i <= kReplyLinesMax; ++i) many_lines += "250-x\r\n";
  std::string many_bytes;
  for (int i = 0; i < 20; ++i) many_bytes += "250-" + std::string(2000, 'x') + "\r\n";
  for (const std::string& bad : std::vector<std::string>{
           "\r\n", "25\r\n", "hello\r\n", "150 x\r\n", "650 x\r\n", "250x\r\n", "2500 x\r\n",
           "250 x\n", "25a x\r\n", "250 a\rb\r\n", "250-a\r\n251 b\r\n", "250-a\r\n\r\n", long_line,
           many_lines, many_bytes, "HTTP/1.1 400 Bad Request\r\n"}) {
    INFO(bad.substr(0, 40));
    CHECK(parse(bad).status == ReplyStatus::kMalformed);
  }
  CHECK(parse("250-a\r\n").status == ReplyStatus::kNeedMore);
}

TEST_CASE("smtp client: a diagnostic is one printable line", "[reply]") {
  CHECK(reply("550 a\tb\x01z\r\n").diagnostic() == "550 a b z");
  CHECK(reply("550 nicht m\xc3\xb6glich\r\n").diagnostic() == "550 nicht m\xc3\xb6glich");
  CHECK(reply("550 nicht m\xf6glich\r\n").diagnostic() == "550 nicht m?glich");
  std::string text = "550 ";
  for (int i = 0; i < 600; ++i) text += "\xc3\xb6";
  const std::string cut = reply(text + "\r\n").diagnostic();
  CHECK(cut.size() <= kDiagnosticMax + 3);
  CHECK(cut.ends_with("\xc3\xb6..."));
}

TEST_CASE("smtp client: what a server offers", "[reply]") {
  const PeerExtensions peer = parse_extensions(
      reply("250-Mx.Example.ORG greets you\r\n250-SIZE 10240000\r\n250-pipelining\r\n"
            "250-AUTH PLAIN login\r\n250-AUTH=CRAM-MD5\r\n250-8BITMIME\r\n250-CHUNKING\r\n"
            "250-BINARYMIME\r\n250-LIMITS RCPTMAX=20 MAILMAX=5 NEW=1\r\n250-DELIVERBY 240\r\n"
            "250-XUNKNOWN what\r\n250 DSN\r\n"));
  CHECK(peer.name == "mx.example.org");
  CHECK(peer.message_bytes_max == 10'240'000);
  CHECK(peer.pipelining);
  CHECK(peer.auth == std::vector<std::string>{"PLAIN", "LOGIN", "CRAM-MD5"});
  CHECK(peer.eight_bit_mime);
  CHECK(peer.binary_mime);
  CHECK(peer.recipients_max == 20);
  CHECK(peer.messages_max == 5);
  CHECK(peer.deliver_by_least_s == 240);
  CHECK(peer.dsn);
  CHECK_FALSE(peer.starttls);
  CHECK_FALSE(peer.smtputf8);
  CHECK_FALSE(parse_extensions(reply("250-x\r\n250 BINARYMIME\r\n")).binary_mime);
  CHECK(parse_extensions(reply("250-x\r\n250 SIZE\r\n")).size);
  CHECK(parse_extensions(reply("250\r\n")).name.empty());
}
