// COMPRESS=DEFLATE (RFC 4978).
#include <zlib.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "base/signal.h"
#include "protocols/imap/deflate_stream.h"
#include "tests/unit/imap/session_rig.h"

namespace hauspost::imap::test {
namespace {

constexpr int kRaw = -15;

std::string deflated(std::string_view text) {
  z_stream coder{};
  REQUIRE(deflateInit2(&coder, 9, Z_DEFLATED, kRaw, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&coder, text.size()) + 64, '\0');
  coder.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  coder.avail_in = static_cast<uInt>(text.size());
  coder.next_out = reinterpret_cast<Bytef*>(out.data());
  coder.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&coder, Z_SYNC_FLUSH) == Z_OK);
  REQUIRE(coder.avail_in == 0);
  out.resize(out.size() - coder.avail_out);
  deflateEnd(&coder);
  return out;
}

// What can be made of the bytes so far.
std::string inflated(std::string_view bytes) {
  z_stream coder{};
  REQUIRE(inflateInit2(&coder, kRaw) == Z_OK);
  coder.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  coder.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  std::string piece(64 * 1024, '\0');
  do {
    coder.next_out = reinterpret_cast<Bytef*>(piece.data());
    coder.avail_out = static_cast<uInt>(piece.size());
    const int outcome = inflate(&coder, Z_SYNC_FLUSH);
    REQUIRE((outcome == Z_OK || outcome == Z_BUF_ERROR));
    out.append(piece, 0, piece.size() - coder.avail_out);
  } while (coder.avail_out == 0);
  inflateEnd(&coder);
  return out;
}

}  // namespace

TEST_CASE("imap compress: both sides deflate from the answer on") {
  Rig rig;
  rig.fill(3);
  Client c(rig);
  c.talk(R"(
    C: 1 COMPRESS LZW
    S: 1 BAD unknown compression
    C: c COMPRESS deflate
    S: c OK DEFLATE active)");
  // The client's compressor keeps its window over its commands; two in one flush are two commands.
  c.send(deflated(
      "2 SELECT INBOX\r\n3 FETCH 1:* (UID ENVELOPE)\r\n4 COMPRESS DEFLATE\r\n5 LOGOUT\r\n"));
  const std::string answer = inflated(c.rest());
  INFO(answer);
  CHECK(answer.find("* 3 EXISTS\r\n") != std::string::npos);
  CHECK(answer.find("3 OK FETCH completed\r\n") != std::string::npos);
  CHECK(answer.find("4 NO [COMPRESSIONACTIVE] ") != std::string::npos);
  CHECK(answer.ends_with("5 OK LOGOUT completed\r\n"));
  CHECK(c.end() == SessionEnd::kInOrder);
}

TEST_CASE("imap compress: nothing may be sent behind it") {
  Rig rig;
  Client c(rig);
  c.send("1 COMPRESS DEFLATE\r\n2 NOOP\r\n");
  c.talk(R"(
    S: 1 BAD Nothing may be sent behind COMPRESS
    S: 2 OK NOOP completed)");
}

TEST_CASE("imap compress: damaged data ends the session") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: 1 COMPRESS DEFLATE
    S: 1 OK DEFLATE active)");
  c.send(std::string(100, '\xff'));
  CHECK(c.end() == SessionEnd::kBroken);
}

TEST_CASE("imap compress: a line without end is dropped as it comes, and others are served") {
  Rig rig;
  Client c(rig);
  Client other(rig);
  c.talk(R"(
    C: 1 COMPRESS DEFLATE
    S: 1 OK DEFLATE active)");
  // 40 MB in 40 kB.
  c.send(deflated("2 NOOP " + std::string(40'000'000, 'x') + "\r\n3 LOGOUT\r\n"));
  other.talk(R"(
    C: 1 NOOP
    S: 1 OK NOOP completed)");
  const std::string answer = inflated(c.rest());
  CHECK(answer == "2 BAD Line is too long\r\n* BYE Logging out\r\n3 OK LOGOUT completed\r\n");
}

TEST_CASE("imap compress: large bodies pass whole") {
  Rig rig;
  std::string body;
  for (int i = 0; body.size() < 3'000'000; ++i) body += fmt::format("line {}\r\n", i * 7919);
  rig.deliver("Subject: large\r\n\r\n" + body);
  Client c(rig);
  c.talk(R"(
    C: 1 COMPRESS DEFLATE
    S: 1 OK DEFLATE active)");
  c.send(deflated("2 SELECT INBOX\r\n3 FETCH 1 BODY.PEEK[TEXT]\r\n4 LOGOUT\r\n"));
  const std::string raw = c.rest();
  CHECK(raw.size() < body.size() / 2);
  CHECK(inflated(raw).find(fmt::format("BODY[TEXT] {{{}}}\r\n{})\r\n", body.size(), body)) !=
        std::string::npos);
}

}  // namespace hauspost::imap::test
