#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <future>

#include "base/text.h"
#include "server/auth/hash_pool.h"
#include "server/auth/login_cache.h"
#include "server/auth/password_hash.h"
#include "server/auth/verifier_store.h"
#include "server/auth/wire.h"
#include "tests/unit/auth/fake_clock.h"
#include "tests/unit/base/run.h"
#include "tests/unit/temp_folder.h"

namespace hauspost::auth {
namespace {

constexpr HashCost kCheap{1, 64 * 1024};

Task<void> await_job(HashPool& pool, std::function<Result<int>()> work, Result<int>& out) {
  out = co_await pool.run<int>(std::move(work));
}

}  // namespace

TEST_CASE("auth hash: argon2id, salted, and strict about what matches") {
  const auto one = make_verifier(Secret("password"), kCheap);
  const auto two = make_verifier(Secret("password"), kCheap);
  REQUIRE(one);
  REQUIRE(two);
  CHECK(one->starts_with("$argon2id$"));
  CHECK(*one != *two);
  CHECK(matches(*one, Secret("password")));
  CHECK_FALSE(matches(*one, Secret("passwor")));
  CHECK_FALSE(matches(*one, Secret("password ")));
  for (const std::string broken : {"", "$argon2id$", "password", "$1$abc$def"})
    CHECK_FALSE(matches(broken, Secret("password")));
}

TEST_CASE("auth pool: a full queue refuses, others are served in order") {
  asio::io_context io(1);
  HashPool pool(io.get_executor(), 1, 1);
  std::promise<void> begun;
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  Result<int> running = 0;
  Result<int> waiting = 0;
  Result<int> refused = 0;
  TaskGroup group(io.get_executor());
  group.spawn("running", await_job(
                             pool,
                             [&begun, released] {
                               begun.set_value();
                               released.wait();
                               return Result<int>(1);
                             },
                             running));
  io.poll();
  begun.get_future().wait();
  group.spawn("waiting", await_job(pool, [] { return Result<int>(2); }, waiting));
  group.spawn("refused", await_job(pool, [] { return Result<int>(3); }, refused));
  io.poll();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kUnavailable);
  release.set_value();
  test::run(io, group.join());
  CHECK(running == 1);
  CHECK(waiting == 2);
}

TEST_CASE("auth pool: a cancelled caller leaves, its work does not hurt") {
  asio::io_context io(1);
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  Result<int> result = 0;
  {
    HashPool pool(io.get_executor(), 1, 4);
    TaskGroup group(io.get_executor());
    group.spawn("job", await_job(
                           pool,
                           [released] {
                             released.wait();
                             return Result<int>(1);
                           },
                           result));
    io.poll();
    group.stop();
    test::run(io, group.join());
    release.set_value();
  }
  REQUIRE_FALSE(result);
  CHECK(result.error().code == ErrorCode::kCancelled);
}

TEST_CASE("auth cache: good for ten minutes, bounded, forgetful on demand") {
  test::FakeClock clock;
  LoginCache cache(clock, {3, std::chrono::minutes(10)});
  std::vector<Guid> mailboxes;
  for (int i = 0; i < 4; ++i) mailboxes.push_back(Guid::random());
  cache.remember(mailboxes[0], Secret("one"));
  CHECK(cache.knows(mailboxes[0], Secret("one")));
  CHECK_FALSE(cache.knows(mailboxes[0], Secret("two")));
  CHECK_FALSE(cache.knows(mailboxes[1], Secret("one")));
  clock.advance(std::chrono::minutes(10) - std::chrono::seconds(1));
  CHECK(cache.knows(mailboxes[0], Secret("one")));
  clock.advance(std::chrono::seconds(1));
  CHECK_FALSE(cache.knows(mailboxes[0], Secret("one")));
  for (const Guid& mailbox : mailboxes) cache.remember(mailbox, Secret("one"));
  CHECK(cache.size() == 3);
  CHECK_FALSE(cache.knows(mailboxes[0], Secret("one")));
  CHECK(cache.knows(mailboxes[3], Secret("one")));
  cache.forget(mailboxes[3]);
  CHECK_FALSE(cache.knows(mailboxes[3], Secret("one")));
  CHECK(cache.size() == 2);
}

TEST_CASE("auth store: what was stored survives a kill and replaces only what was meant") {
  test::TempFolder folder;
  const std::string path = folder / "auth";
  const Guid mailbox = Guid::random();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto store = VerifierStore::open(path);
    if (store && (*store)->put(mailbox, "first")) ::raise(SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  const auto store = VerifierStore::open(path);
  REQUIRE(store);
  CHECK((*store)->get(mailbox).value() == "first");
  CHECK((*store)->replace(mailbox, "other", "second").value() == false);
  CHECK((*store)->get(mailbox).value() == "first");
  CHECK((*store)->replace(mailbox, "first", "second").value() == true);
  CHECK((*store)->get(mailbox).value() == "second");
  REQUIRE((*store)->remove(mailbox));
  CHECK_FALSE((*store)->get(mailbox).value());
  CHECK((*store)->replace(mailbox, "second", "third").value() == false);
}

TEST_CASE("auth wire: messages come back as they went, others are refused") {
  const LoginAttempt attempt{"a@example.org", Secret(std::string("p\0w\xff", 4)), "192.0.2.1",
                             link::Protocol::kPop3, Guid::random()};
  const std::string bytes = verify_request_to_wire(attempt);
  const auto back = verify_request_from_wire(bytes);
  REQUIRE(back);
  CHECK(back->name == attempt.name);
  CHECK(back->password.reveal() == attempt.password.reveal());
  CHECK(back->client_address == attempt.client_address);
  CHECK(back->protocol == attempt.protocol);
  CHECK(back->session == attempt.session);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto cut = verify_request_from_wire(bytes.substr(0, length));
    CHECK_FALSE(cut);
  }
  LoginAttempt long_name = attempt;
  long_name.name = std::string(256, 'a');
  CHECK_FALSE(verify_request_from_wire(verify_request_to_wire(long_name)));
  CHECK_FALSE(identity_from_wire("\xff\xff"));
  CHECK_FALSE(identity_from_wire(""));
  CHECK_FALSE(removal_from_wire(""));
  CHECK_FALSE(password_change_from_wire(password_change_to_wire({Guid::random(), Secret()})));
}

}  // namespace hauspost::auth
