#include "server/frontend/proxy_header.h"

#include <catch2/catch.hpp>

#include <string>

namespace hauspost::frontend {
namespace {

using Status = ProxyParse::Status;

// As the front-end reads: never more than is asked for. What was read is returned with the answer.
ProxyParse read_as_asked(std::string_view stream, std::size_t& taken) {
  taken = 0;
  for (;;) {
    const ProxyParse parsed = parse_proxy_header(stream.substr(0, taken));
    if (parsed.status != Status::kNeedMore) return parsed;
    REQUIRE(parsed.bytes > taken);
    if (parsed.bytes > stream.size()) return parsed;
    taken = parsed.bytes;
  }
}

std::string v2(char command, char family, std::string_view body) {
  std::string bytes("\r\n\r\n\0\r\nQUIT\n", 12);
  bytes += command;
  bytes += family;
  bytes += static_cast<char>(body.size() >> 8U);
  bytes += static_cast<char>(body.size() & 0xffU);
  return bytes + std::string(body);
}

const std::string kV4Body("\xc0\x00\x02\x07\xc6\x33\x64\x01\x9c\x40\x03\xe1", 12);

}  // namespace

TEST_CASE("front-end proxy: version 1") {
  struct Good {
    std::string line;
    std::string address;
    std::uint16_t port;
  };
  const Good good[] = {
      {"PROXY TCP4 192.0.2.7 198.51.100.1 40000 993\r\n", "192.0.2.7", 40000},
      {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255", 65535},
      {"PROXY TCP6 2001:db8::7 2001:db8::1 1 143\r\n", "2001:db8::7", 1},
      {"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.8 1 143\r\n", "192.0.2.7", 1},
      {"PROXY UNKNOWN\r\n", "", 0},
      {"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "", 0},
  };
  for (const Good& one : good) {
    INFO(one.line);
    std::size_t taken = 0;
    const auto parsed = read_as_asked(one.line + "a LOGIN x y\r\n", taken);
    CHECK(parsed.status == Status::kHeader);
    CHECK(parsed.bytes == one.line.size());
    CHECK(taken == one.line.size());  // not a byte of the client's
    CHECK(parsed.header.address == one.address);
    CHECK(parsed.header.port == one.port);
    for (std::size_t cut = 0; cut < one.line.size(); ++cut)
      CHECK(parse_proxy_header(one.line.substr(0, cut)).status == Status::kNeedMore);
  }
}

TEST_CASE("front-end proxy: version 1 that is none") {
  for (const std::string line :
       {"PROXY TCP4 192.0.2.7 198.51.100.1 40000\r\n", "PROXY TCP4 2001:db8::7 ::1 1 2\r\n",
        "PROXY TCP6 192.0.2.7 192.0.2.8 1 2\r\n", "PROXY TCP4 192.0.2.7 198.51.100.1 70000 1\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 01 1\r\n", "PROXY TCP4 192.0.2.7  198.51.100.1 1 1\r\n",
        "PROXY TCP5 192.0.2.7 198.51.100.1 1 1\r\n", "PROXY TCP4 x y 1 1\r\n",
        "PROXY TCP6 fe80::1%eth0 ::1 1 1\r\n", "PROXY TCP4 192.0.2.7 198.51.100.1 1 1 \r\n",
        "proxy TCP4 192.0.2.7 198.51.100.1 1 1\r\n", "a LOGIN somebody password\r\n",
        "EHLO mail.example.org\r\n"}) {
    INFO(line);
    std::size_t taken = 0;
    CHECK(read_as_asked(line, taken).status == Status::kWrong);
  }
  const std::string endless = "PROXY TCP4 " + std::string(kProxyV1Max, '1');
  std::size_t taken = 0;
  CHECK(read_as_asked(endless, taken).status == Status::kWrong);
  CHECK(taken <= kProxyV1Max);
}

TEST_CASE("front-end proxy: version 2") {
  std::size_t taken = 0;
  const std::string four = v2('\x21', '\x11', kV4Body);
  auto parsed = read_as_asked(four + "\x16\x03\x01", taken);
  CHECK(parsed.status == Status::kHeader);
  CHECK(taken == four.size());
  CHECK(parsed.header.address == "192.0.2.7");
  CHECK(parsed.header.port == 40000);
  std::string v6_body(36, '\0');
  v6_body[0] = '\x20';
  v6_body[1] = '\x01';
  v6_body[15] = '\x07';
  v6_body[33] = '\x05';
  parsed = read_as_asked(v2('\x21', '\x21', v6_body + "\x04\x00\x01x"), taken);
  CHECK(parsed.status == Status::kHeader);
  CHECK(parsed.header.address == "2001::7");
  CHECK(parsed.header.port == 5);
  v6_body.replace(0, 16, std::string(10, '\0') + "\xff\xff\xc0" + '\0' + "\x02\x07");
  CHECK(read_as_asked(v2('\x21', '\x21', v6_body), taken).header.address == "192.0.2.7");
  parsed = read_as_asked(v2('\x20', '\x00', ""), taken);  // a health check
  CHECK(parsed.status == Status::kHeader);
  CHECK(parsed.header.address.empty());
  CHECK(read_as_asked(v2('\x20', '\x11', kV4Body), taken).header.address.empty());
  CHECK(read_as_asked(v2('\x21', '\x00', "anything"), taken).status == Status::kHeader);
  for (std::size_t cut = 0; cut < four.size(); ++cut)
    CHECK(parse_proxy_header(four.substr(0, cut)).status == Status::kNeedMore);
}

TEST_CASE("front-end proxy: version 2 that is none") {
  std::size_t taken = 0;
  for (const std::string& bytes :
       {v2('\x11', '\x11', kV4Body), v2('\x22', '\x11', kV4Body), v2('\x21', '\x12', kV4Body),
        v2('\x21', '\x31', kV4Body), v2('\x21', '\x11', kV4Body.substr(1)),
        v2('\x21', '\x21', kV4Body), v2('\x21', '\x11', std::string(kProxyV2BodyMax + 1, 'x'))}) {
    CHECK(read_as_asked(bytes, taken).status == Status::kWrong);
  }
}

}  // namespace hauspost::frontend
