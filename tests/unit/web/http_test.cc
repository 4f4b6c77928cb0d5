#include "server/web/http.h"

#include <catch2/catch.hpp>

using namespace hauspost::web;

namespace {

using Status = RequestParser::Status;

struct Read {
  Status status = Status::kNeedMore;
  unsigned bad = 0;
  std::vector<Request> requests;
};

// All requests of `bytes`, which come `step` at a time.
Read read_all(std::string_view bytes, std::size_t step, const HttpLimits& limits = {}) {
  RequestParser parser(limits);
  Read out;
  for (std::size_t at = 0; at < bytes.size() && out.status != Status::kBad; at += step) {
    out.status = parser.feed(bytes.substr(at, step));
    while (out.status == Status::kRequest) {
      out.requests.push_back(parser.take());
      out.status = parser.feed({});
    }
  }
  out.bad = parser.bad_status();
  return out;
}

void check_bad(std::string_view bytes, unsigned status) {
  INFO(bytes);
  CHECK(read_all(bytes, bytes.size()).bad == status);
  CHECK(read_all(bytes, 1).bad == status);
}

}  // namespace

TEST_CASE("http: requests whole, byte by byte and one behind the other", "[web][http]") {
  const std::string_view bytes =
      "GET /mail/config-v1.1.xml?emailaddress=a%40example.org HTTP/1.1\r\n"
      "Host: autoconfig.example.org\r\nUser-Agent: x\r\n\r\n"
      "POST /autodiscover/autodiscover.xml HTTP/1.1\r\nhost: example.org\r\n"
      "Authorization: Basic eA==\r\nContent-Length: 5\r\n\r\nhello"
      "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nabcde"
      "HEAD / HTTP/1.0\r\n\r\n";
  for (const std::size_t step : {bytes.size(), std::size_t{1}, std::size_t{7}}) {
    const Read read = read_all(bytes, step);
    CHECK(read.bad == 0);
    REQUIRE(read.requests.size() == 4);
    CHECK(read.requests[0].method == "GET");
    CHECK(read.requests[0].target == "/mail/config-v1.1.xml?emailaddress=a%40example.org");
    CHECK(field(read.requests[0].fields, "HOST") == "autoconfig.example.org");
    CHECK(read.requests[0].keep_alive);
    CHECK(read.requests[1].body == "hello");
    CHECK(field(read.requests[1].fields, "authorization") == "Basic eA==");
    CHECK(field(read.requests[1].fields, "Cookie").empty());
    CHECK(read.requests[2].body == "abcde");
    CHECK(read.requests[3].method == "HEAD");
    CHECK_FALSE(read.requests[3].keep_alive);
  }
}

TEST_CASE("http: what cannot be one request for one host is refused", "[web][http]") {
  check_bad("GET / HTTP/1.1\r\n\r\n", 400);
  check_bad("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400);
  check_bad("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505);
  check_bad("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 505);
  check_bad("\x16\x03\x01", 400);  // TLS
  check_bad("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400);
  check_bad("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400);
  check_bad("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            400);
  check_bad("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411);
  check_bad("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nx", 501);
  check_bad("GET / HTTP/1.1\r\nHost: a\r\nBad Field: x\r\n\r\n", 400);
}

TEST_CASE("http: lines end in CRLF alone, and empty ones in front are passed over", "[web][http]") {
  check_bad("GET / HTTP/1.1\nHost: a\n\n", 400);
  check_bad("GET / HTTP/1.1\r\nHost: a\r\nX: y\n\r\n", 400);
  check_bad("GET / HTTP/1.1\r\nHost: a\r\nX: y\rZ\r\n\r\n", 400);
  check_bad(std::string_view("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 29), 400);
  const std::string_view spaced = "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n";
  for (const std::size_t step : {spaced.size(), std::size_t{1}})
    CHECK(read_all(spaced, step).requests.size() == 1);
}

TEST_CASE("http: limits hold however slowly it comes", "[web][http]") {
  const HttpLimits limits{.header_bytes_max = 256, .body_bytes_max = 10};
  const std::string line(300, 'x');
  for (const std::string& bytes :
       {"GET /" + line, "GET / HTTP/1.1\r\nHost: a\r\nX: " + line + "\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: " + line}) {
    CHECK(read_all(bytes, bytes.size(), limits).bad == 431);
    CHECK(read_all(bytes, 1, limits).bad == 431);
  }
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 40; ++i) many += "A: 0123456789\r\n";
  CHECK(read_all(many, 1, limits).bad == 431);
  const std::string_view large = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n";
  CHECK(read_all(large, 1, limits).bad == 413);
  const std::string_view fits =
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789";
  REQUIRE(read_all(fits, 1, limits).requests.size() == 1);
}

TEST_CASE("http: a client that waits for a word gets it once", "[web][http]") {
  RequestParser parser(HttpLimits{});
  CHECK(parser.feed("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n") == Status::kNeedMore);
  CHECK_FALSE(parser.wants_continue());
  CHECK(parser.feed("Content-Length: 2\r\n\r\n") == Status::kNeedMore);
  CHECK(parser.wants_continue());
  CHECK_FALSE(parser.wants_continue());
  CHECK(parser.feed("ab") == Status::kRequest);
  CHECK(parser.take().body == "ab");
}

TEST_CASE("http: answers carry their length and no field of anybody else's", "[web][http]") {
  const Response response{.status = 302,
                          .content_type = "text/plain",
                          .body = "four",
                          .fields = {{"Location", "https://a/\r\nSet-Cookie: x=y"}}};
  const std::string text = to_text(response, false, true);
  CHECK(text.starts_with("HTTP/1.1 302 Found\r\n"));
  CHECK(text.find("\r\nContent-Length: 4\r\n") != std::string::npos);
  CHECK(text.find("\r\nLocation: https://a/Set-Cookie: x=y\r\n") != std::string::npos);
  CHECK(text.find("Connection:") == std::string::npos);
  CHECK(text.find("X-Content-Type-Options: nosniff\r\n") != std::string::npos);
  CHECK(text.find("auspost") == std::string::npos);
  CHECK(text.ends_with("\r\n\r\nfour"));
  const std::string head = to_text(response, true, false);
  CHECK(head.find("\r\nContent-Length: 4\r\n") != std::string::npos);
  CHECK(head.find("\r\nConnection: close\r\n") != std::string::npos);
  CHECK(head.ends_with("\r\n\r\n"));
}
