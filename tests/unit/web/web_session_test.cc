#include "server/web/web_session.h"

#include <catch2/catch.hpp>

#include <array>

#include "base/memory_stream.h"
#include "base/task_group.h"
#include "tests/unit/base/run.h"

using namespace hauspost;
using namespace hauspost::web;

namespace {

Task<Response> echo_target(Request request) {
  Response out{.body = request.method + " " + request.target + " " + request.body};
  out.close = request.target == "/close";
  co_return out;
}

Task<void> serve_and_close(Stream& stream, const SessionLimits& limits) {
  co_await serve_http(stream, limits, echo_target);
  stream.close();
}

struct Talk {
  std::string sent;
  SessionLimits limits;
  std::string got = {};  // up to the end of the connection
};

Task<void> talk(asio::io_context& io, Talk& about) {
  auto [near, far] = MemoryStream::pair(io.get_executor());
  TaskGroup group(io.get_executor());
  group.spawn("server", serve_and_close(*near, about.limits));
  REQUIRE(co_await far->write(about.sent));
  std::array<char, 4096> buffer;
  for (;;) {
    const auto count = co_await far->read_some(buffer);
    if (!count || *count == 0) break;
    about.got.append(buffer.data(), *count);
  }
  co_await group.join();
}

std::string answers(std::string sent, SessionLimits limits = {}) {
  asio::io_context io{1};
  Talk about{.sent = std::move(sent), .limits = limits};
  test::run(io, talk(io, about));
  return about.got;
}

std::size_t count(std::string_view text, std::string_view word) {
  std::size_t found = 0;
  for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1))
    ++found;
  return found;
}

std::string get(std::string_view target, std::string_view more = {}) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a.example\r\n" + std::string(more) +
         "\r\n";
}

}  // namespace

TEST_CASE("web session: requests one behind the other are answered in order", "[web][session]") {
  const std::string got = answers(get("/1") + get("/2") + get("/3", "Connection: close\r\n"));
  CHECK(count(got, "HTTP/1.1 200 OK\r\n") == 3);
  CHECK(got.find("GET /1 ") < got.find("GET /2 "));
  CHECK(got.find("GET /2 ") < got.find("GET /3 "));
  CHECK(count(got, "Connection: close\r\n") == 1);
}

TEST_CASE("web session: an answer may end the connection", "[web][session]") {
  const std::string got = answers(get("/close") + get("/never"));
  CHECK(count(got, "HTTP/1.1 ") == 1);
  CHECK(got.find("/never") == std::string::npos);
}

TEST_CASE("web session: HEAD has no body, and its length", "[web][session]") {
  const std::string got =
      answers("HEAD /x HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
  CHECK(got.find("Content-Length: 8\r\n") != std::string::npos);
  CHECK(got.ends_with("\r\n\r\n"));
}

TEST_CASE("web session: what is no request is answered once, and then it is over",
          "[web][session]") {
  const std::string got = answers("nonsense\r\n\r\n" + get("/never"));
  CHECK(got.starts_with("HTTP/1.1 400 Bad Request\r\n"));
  CHECK(count(got, "HTTP/1.1 ") == 1);
  CHECK(count(got, "Connection: close\r\n") == 1);
}

TEST_CASE("web session: so many requests and no more", "[web][session]") {
  std::string many;
  for (int i = 0; i < 5; ++i) many += get("/" + std::to_string(i));
  const std::string got = answers(many, {.requests_max = 3});
  CHECK(count(got, "HTTP/1.1 200 OK\r\n") == 3);
  CHECK(count(got, "Connection: close\r\n") == 1);
}

TEST_CASE("web session: a client that waits before its body is told to go on", "[web][session]") {
  const std::string got = answers(
      "POST /x HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
      "Connection: close\r\n\r\nab");
  CHECK(count(got, "HTTP/1.1 200 OK\r\n") == 1);
  CHECK(got.find("POST /x ab") != std::string::npos);
}
