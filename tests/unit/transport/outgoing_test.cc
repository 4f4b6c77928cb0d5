#include "transport/send/outgoing.h"

#include <catch2/catch.hpp>

using namespace hauspost;
using namespace hauspost::transport;

namespace {

constexpr std::string_view kPlain = "Subject: x\r\n\r\nhello\r\n";
constexpr std::string_view kEightBit =
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: 8bit\r\n\r\nGr\xc3\xbc\xc3\x9f"
    "e aus M\xc3\xbcnchen, wie immer "
    "mit viel Text darum herum\r\n";

Envelope envelope(std::vector<std::string> recipients = {"bob@example.net"}) {
  Envelope out;
  out.sender = "anna@example.org";
  for (std::string& one : recipients) out.recipients.push_back({.address = std::move(one)});
  return out;
}

Outgoing outgoing(const Envelope& envelope, std::string_view message) {
  Outgoing out{.envelope = envelope,
               .message = message,
               .facts = mime::scan_content(message),
               .now = WallTime(Seconds(1'000'000)),
               .results = {}};
  out.results.resize(envelope.recipients.size());
  return out;
}

std::string status_of(const std::expected<Prepared, RecipientResult>& prepared) {
  if (prepared) return "ready";
  CHECK(prepared.error().kind == RecipientResult::Kind::kFailed);
  CHECK_FALSE(prepared.error().diagnostic.empty());
  return prepared.error().status;
}

std::string joined(std::string_view content) {
  std::string out;
  for (const std::string_view piece : data_pieces(content)) out += piece;
  return out;
}

}  // namespace

TEST_CASE("send: MAIL says what the server understands", "[outgoing]") {
  Envelope sent = envelope();
  sent.envid = "QQ 1";
  sent.ret = smtp::Ret::kHeaders;
  sent.priority = -3;
  sent.deliver_by = WallTime(Seconds(1'000'120));
  sent.deliver_by_notify = true;
  smtp::PeerExtensions peer;
  CHECK(prepare(outgoing(sent, kPlain), {peer})->mail == "MAIL FROM:<anna@example.org>");
  peer.size = peer.dsn = peer.mt_priority = peer.deliver_by = true;
  CHECK(prepare(outgoing(sent, kPlain), {peer})->mail ==
        "MAIL FROM:<anna@example.org> SIZE=21 RET=HDRS ENVID=QQ+201 MT-PRIORITY=-3 BY=120;N");
  sent.sender.clear();
  sent.envid.clear();
  sent.ret.reset();
  sent.priority = 0;
  sent.deliver_by = {};
  CHECK(prepare(outgoing(sent, kPlain), {peer})->mail == "MAIL FROM:<> SIZE=21");
}

TEST_CASE("send: RCPT with and without DSN", "[outgoing]") {
  Recipient recipient{.address = "bob smith@example.net"};
  recipient.notify = smtp::kNotifySuccess | smtp::kNotifyFailure;
  recipient.orcpt = "rfc822;bob@example.com";
  Prepared prepared;
  CHECK(rcpt_command(recipient, prepared) == "RCPT TO:<\"bob smith\"@example.net>");
  prepared.dsn = true;
  CHECK(rcpt_command(recipient, prepared) ==
        "RCPT TO:<\"bob smith\"@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob@example.com");
  recipient.orcpt = "rfc822;a b\r\nRSET";
  CHECK(rcpt_command(recipient, prepared)->ends_with("NOTIFY=SUCCESS,FAILURE"));
  recipient.address = "bob\r\nRCPT TO:<x@example.net";
  CHECK_FALSE(rcpt_command(recipient, prepared));
}

TEST_CASE("send: a message and a server that do not fit", "[outgoing]") {
  Envelope sent = envelope();
  smtp::PeerExtensions peer;
  peer.message_bytes_max = 20;
  CHECK(status_of(prepare(outgoing(sent, kPlain), {peer})) == "5.3.4");
  peer.message_bytes_max = 21;
  CHECK(status_of(prepare(outgoing(sent, kPlain), {peer})) == "ready");

  sent.require_tls = true;
  CHECK(status_of(prepare(outgoing(sent, kPlain), {peer, false, true})) == "5.7.30");
  peer.require_tls = true;
  CHECK(status_of(prepare(outgoing(sent, kPlain), {peer, false, false})) == "5.7.30");
  CHECK(prepare(outgoing(sent, kPlain), {peer, false, true})->mail.ends_with(" REQUIRETLS"));
  sent.require_tls = false;

  sent.deliver_by = WallTime(Seconds(1'000'120));
  CHECK(status_of(prepare(outgoing(sent, kPlain), {peer})) == "5.3.3");
  sent.deliver_by = {};
  sent.sender = "anna\r\nDATA@example.org";
  CHECK(status_of(prepare(outgoing(sent, kPlain), {peer})) == "5.1.7");
}

TEST_CASE("send: SMTPUTF8 is asked for where something needs it", "[outgoing]") {
  Envelope sent = envelope();
  sent.smtputf8 = true;
  smtp::PeerExtensions peer;
  CHECK(status_of(prepare(outgoing(sent, kPlain), {peer})) == "ready");
  const std::string header = "Subject: M\xc3\xbcnchen\r\n\r\nhello\r\n";
  CHECK(status_of(prepare(outgoing(sent, header), {peer})) == "5.6.7");
  peer.smtputf8 = peer.eight_bit_mime = true;
  CHECK(prepare(outgoing(sent, header), {peer})->mail ==
        "MAIL FROM:<anna@example.org> BODY=8BITMIME SMTPUTF8");

  peer.smtputf8 = false;
  const Envelope local = envelope({"j\xc3\xbcrgen@example.net"});
  CHECK(status_of(prepare(outgoing(local, kPlain), {peer})) == "5.6.7");
  const Envelope domain = envelope({"bob@m\xc3\xbcller.example"});
  const auto prepared = prepare(outgoing(domain, kPlain), {peer});
  REQUIRE(prepared);
  CHECK(rcpt_command(domain.recipients[0], *prepared) == "RCPT TO:<bob@xn--mller-kva.example>");
  Envelope from = envelope();
  from.sender = "anna@m\xc3\xbcller.example";
  CHECK(prepare(outgoing(from, kPlain), {peer})->mail == "MAIL FROM:<anna@xn--mller-kva.example>");
  from.sender = "j\xc3\xbcrgen@m\xc3\xbcller.example";
  CHECK(status_of(prepare(outgoing(from, kPlain), {peer})) == "5.6.7");
}

TEST_CASE("send: 8-bit contents for a server without 8BITMIME", "[outgoing]") {
  const Envelope sent = envelope();
  smtp::PeerExtensions peer;
  const auto converted = prepare(outgoing(sent, kEightBit), {peer});
  REQUIRE(converted);
  CHECK(converted->converted.find("Content-Transfer-Encoding: quoted-printable\r\n") !=
        std::string::npos);
  CHECK(converted->converted.find("Gr=C3=BC=C3=9Fe aus M=C3=BCnchen") != std::string::npos);
  CHECK(converted->mail.find("BODY=") == std::string::npos);
  peer.eight_bit_mime = true;
  const auto as_it_is = prepare(outgoing(sent, kEightBit), {peer});
  CHECK(as_it_is->converted.empty());
  CHECK(as_it_is->mail.ends_with(" BODY=8BITMIME"));

  peer.eight_bit_mime = false;
  const std::string signed_message =
      "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n"
      "Content-Transfer-Encoding: 8bit\r\n\r\n\xc3\xbc\r\n--b\r\n"
      "Content-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n";
  CHECK(status_of(prepare(outgoing(sent, signed_message), {peer})) == "5.6.3");
}

TEST_CASE("send: binary contents", "[outgoing]") {
  Envelope sent = envelope();
  sent.binary = true;
  const std::string message =
      "MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
      "Content-Transfer-Encoding: binary\r\n\r\n" +
      std::string("a\nb\r\0c\xff", 7);
  smtp::PeerExtensions peer;
  peer.chunking = peer.binary_mime = peer.eight_bit_mime = true;
  const auto chunked = prepare(outgoing(sent, message), {peer});
  REQUIRE(chunked);
  CHECK(chunked->chunking);
  CHECK(chunked->converted.empty());
  CHECK(chunked->mail.ends_with(" BODY=BINARYMIME"));
  peer.binary_mime = false;
  const auto encoded = prepare(outgoing(sent, message), {peer});
  REQUIRE(encoded);
  CHECK_FALSE(encoded->chunking);
  CHECK(encoded->converted.find("Content-Transfer-Encoding: base64\r\n\r\nYQpiDQBj/w==\r\n") !=
        std::string::npos);
}

TEST_CASE("send: no bare line end leaves", "[outgoing]") {
  const Envelope sent = envelope();
  smtp::PeerExtensions peer;
  for (const std::string& smuggled :
       std::vector<std::string>{"Subject: x\r\n\r\na\n.\nMAIL FROM:<evil@example.com>\r\n",
                                "Subject: x\r\n\r\na\n.\r\nMAIL FROM:<evil@example.com>\r\n",
                                "Subject: x\r\n\r\na\r.\rMAIL FROM:<evil@example.com>\r\n",
                                "Subject: x\r\n\r\na\r\n.\nMAIL FROM:<evil@example.com>\r\n",
                                "Subject: x\r\n\r\na\r\n.\rMAIL FROM:<evil@example.com>\r\n",
                                "Subject: x\r\n\r\na\r\n\r.\r\nMAIL FROM:<evil@example.com>\r"}) {
    const Outgoing out = outgoing(sent, smuggled);
    const auto prepared = prepare(out, {peer});
    REQUIRE(prepared);
    const std::string wire = joined(prepared->content(smuggled));
    INFO(wire);
    REQUIRE(wire.ends_with("\r\n.\r\n"));
    CHECK(wire.find("\r\n.\r\n") == wire.size() - 5);
    CHECK_FALSE(mime::scan_content(wire).bare_line_end);
  }
}

TEST_CASE("send: dots and the end of the data", "[outgoing]") {
  CHECK(joined("") == ".\r\n");
  CHECK(joined("a\r\n") == "a\r\n.\r\n");
  CHECK(joined("a") == "a\r\n.\r\n");
  CHECK(joined(".a\r\n..\r\n.\r\nx.\r\n") == "..a\r\n...\r\n..\r\nx.\r\n.\r\n");
  CHECK(joined("a\r\n.") == "a\r\n..\r\n.\r\n");
}
