#include "transport/dns/cares_resolver.h"

#include <asio/basic_datagram_socket.hpp>
#include <asio/ip/udp.hpp>
#include <catch2/catch.hpp>

#include "base/task_group.h"

namespace {

using namespace hauspost;
using namespace hauspost::dns;
using Udp = asio::basic_datagram_socket<asio::ip::udp, Executor>;

// A server on loopback whose answers are made by a function of the question.
struct Server {
  explicit Server(asio::io_context& io)
      : socket(io.get_executor(), asio::ip::udp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    receive();
  }
  std::string address() const {
    return "127.0.0.1:" + std::to_string(socket.local_endpoint().port());
  }
  void receive() {
    socket.async_receive_from(asio::buffer(bytes), from,
                              [this](const std::error_code& failed, std::size_t size) {
                                if (failed) return;
                                questions.emplace_back(bytes, size);
                                if (!silent)
                                  socket.send_to(asio::buffer(reply(questions.back())), from);
                                receive();
                              });
  }
  // The question with an answer to it: the address 192.0.2.1.
  std::string reply(const std::string& question) const {
    const bool edns = question[11] != 0;
    if (no_edns && edns) return head(question, 0x81, 1, false) + question_of(question);
    std::string out = head(question, 0x80 | (authentic ? 0x20 : 0) | rcode, 1, rcode == 0);
    out += question_of(question);
    if (rcode == 0) out += std::string("\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1", 16);
    return out;
  }
  static std::string head(const std::string& question, int low, int questions, bool answer) {
    return question.substr(0, 2) + '\x81' + static_cast<char>(low) + '\0' +
           static_cast<char>(questions) + '\0' + static_cast<char>(answer) + std::string(4, '\0');
  }
  static std::string question_of(const std::string& bytes) {
    std::size_t at = 12;
    while (bytes[at] != 0) at += 1U + static_cast<unsigned char>(bytes[at]);
    return bytes.substr(12, at + 5 - 12);
  }

  Udp socket;
  char bytes[2048] = {};
  asio::ip::udp::endpoint from;
  std::vector<std::string> questions;
  bool silent = false;
  bool no_edns = false;
  bool authentic = false;
  int rcode = 0;
};

struct World {
  asio::io_context io;
  Server server{io};
  ResolverOptions options{.servers = {server.address()}, .timeout = Milliseconds(150), .tries = 2};
  ResolverLimits limits;
  std::optional<CaresResolver> resolver;

  static Task<void> keep(CaresResolver& resolver, std::string name,
                         std::vector<Answer<std::string>>& into) {
    into.push_back(co_await resolver.a(std::move(name)));
  }
  std::vector<Answer<std::string>> ask(const std::vector<std::string>& names) {
    if (!resolver) resolver.emplace(io.get_executor(), options, limits);
    std::vector<Answer<std::string>> answers;
    TaskGroup tasks(io.get_executor());
    for (const auto& name : names) tasks.spawn("test", keep(*resolver, name, answers));
    while (tasks.size() > 0) io.run_one();
    return answers;
  }
};

}  // namespace

TEST_CASE("resolver: an answer is asked for once and kept", "[dns]") {
  World world;
  const auto answers = world.ask({"a.test", "A.TEST.", "a.test"});
  REQUIRE(answers.size() == 3);
  for (const auto& answer : answers) CHECK(answer.records == std::vector<std::string>{"192.0.2.1"});
  CHECK(world.ask({"a.test"})[0].found());
  CHECK(world.server.questions.size() == 1);
  world.resolver->cache().forget("");
  world.ask({"a.test"});
  CHECK(world.server.questions.size() == 2);
}

TEST_CASE("resolver: names that nobody has are not asked for", "[dns]") {
  World world;
  CHECK(world.ask({"a..test"})[0].outcome == Outcome::kNoName);
  CHECK(world.server.questions.empty());
}

TEST_CASE("resolver: silence ends as a temporary failure", "[dns]") {
  World world;
  world.server.silent = true;
  CHECK(world.ask({"a.test"})[0].outcome == Outcome::kTemporary);
  CHECK(world.server.questions.size() == 2);
  world.server.silent = false;
  CHECK(world.ask({"a.test"})[0].found());
}

TEST_CASE("resolver: a question has a deadline of its own", "[dns]") {
  World world;
  world.server.silent = true;
  world.options.timeout = Milliseconds(20'000);
  world.limits.deadline = Milliseconds(50);
  const auto start = std::chrono::steady_clock::now();
  CHECK(world.ask({"a.test", "a.test"})[1].outcome == Outcome::kTemporary);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
}

TEST_CASE("resolver: more questions than may be under way wait for each other", "[dns]") {
  World world;
  world.limits.under_way_max = 2;
  std::vector<std::string> names;
  for (int i = 0; i < 50; ++i) names.push_back("n" + std::to_string(i) + ".test");
  for (const auto& answer : world.ask(names)) CHECK(answer.found());
  CHECK(world.server.questions.size() == 50);
}

TEST_CASE("resolver: too many questions fail at once", "[dns]") {
  World world;
  world.limits.under_way_max = 1;
  world.limits.waiting_max = 3;
  std::vector<std::string> names;
  for (int i = 0; i < 10; ++i) names.push_back("n" + std::to_string(i) + ".test");
  std::size_t found = 0;
  for (const auto& answer : world.ask(names)) found += answer.found() ? 1 : 0;
  CHECK(found == 4);
}

TEST_CASE("resolver: a failing server says nothing about the name", "[dns]") {
  World world;
  world.server.rcode = 2;
  CHECK(world.ask({"a.test"})[0].outcome == Outcome::kTemporary);
  world.server.rcode = 5;
  CHECK(world.ask({"a.test"})[0].outcome == Outcome::kTemporary);
  world.server.rcode = 3;
  CHECK(world.ask({"a.test"})[0].outcome == Outcome::kNoName);
}

TEST_CASE("resolver: a server that knows no EDNS is asked without", "[dns]") {
  World world;
  world.server.no_edns = true;
  CHECK(world.ask({"a.test"})[0].found());
  CHECK(world.ask({"b.test"})[0].found());
}

TEST_CASE("resolver: AD counts of servers that are trusted", "[dns]") {
  World world;
  world.server.authentic = true;
  SECTION("on this machine, by default") { CHECK(world.ask({"a.test"})[0].authentic); }
  SECTION("of none when switched off") {
    world.options.trust_ad = TrustAd::kNo;
    CHECK_FALSE(world.ask({"a.test"})[0].authentic);
  }
  SECTION("of another machine only when told") {
    CaresResolver far(world.io.get_executor(), {.servers = {"192.0.2.53"}});
    CHECK_FALSE(far.trusts_ad());
    CaresResolver told(world.io.get_executor(),
                       {.servers = {"192.0.2.53"}, .trust_ad = TrustAd::kYes});
    CHECK(told.trusts_ad());
    CHECK(told.servers() == std::vector<std::string>{"192.0.2.53:53"});
  }
}

TEST_CASE("resolver: other servers are asked after a change", "[dns]") {
  World world;
  world.ask({"a.test"});
  Server other(world.io);
  world.options.servers = {other.address()};
  world.resolver->configure(world.options);
  CHECK(world.ask({"a.test"})[0].found());
  CHECK(other.questions.size() == 1);
}

TEST_CASE("resolver: it may end with questions under way", "[dns]") {
  World world;
  world.server.silent = true;
  world.resolver.emplace(world.io.get_executor(), world.options, world.limits);
  std::vector<Answer<std::string>> answers;
  TaskGroup tasks(world.io.get_executor());
  tasks.spawn("test", World::keep(*world.resolver, "a.test", answers));
  while (world.server.questions.empty()) world.io.run_one();
  tasks.stop();
  while (tasks.size() > 0) world.io.run_one();
  world.resolver.reset();
  world.io.poll();
  CHECK(answers[0].outcome == Outcome::kTemporary);
}

TEST_CASE("resolver: servers are addresses with or without a port", "[dns]") {
  for (const char* good : {"192.0.2.1", "192.0.2.1:53", "2001:db8::1", "[2001:db8::1]:5353"})
    CHECK(is_server(good));
  for (const char* bad : {"", "ns.test", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:70000",
                          "[2001:db8::1", "192.0.2.0/24", "[192.0.2.1]x"})
    CHECK_FALSE(is_server(bad));
}
