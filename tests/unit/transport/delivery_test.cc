#include <catch2/catch.hpp>

#include "tests/unit/transport/rig.h"

using namespace hauspost;
using namespace hauspost::transport;
using namespace hauspost::transport::test;

namespace {

using Outcome = DeliverResult::Outcome;
constexpr Duration kTimeout = std::chrono::seconds(10);

DeliverRequest request_for(std::initializer_list<Guid> mailboxes) {
  DeliverRequest request;
  request.delivery = Guid::random();
  request.internal_date_s = 1795288500;
  for (const Guid& mailbox : mailboxes) request.targets.push_back({mailbox, "label"});
  return request;
}

}  // namespace

TEST_CASE("delivery: one message, many mailboxes, once each") {
  Rig rig;
  const DeliverRequest request = request_for({rig.anna, rig.bert});
  auto results = rig.wait_for(
      rig.clients.deliver(rig.socket_of("DB1"), request, {"A: b\r\n", "\r\nx\r\n"}, kTimeout));
  REQUIRE(results);
  REQUIRE(results->size() == 2);
  CHECK((*results)[0].outcome == Outcome::kDelivered);
  CHECK((*results)[1].outcome == Outcome::kDelivered);
  CHECK(rig.workers["DB1"]->inbox(rig.anna) == std::vector<std::string>{"A: b\r\n\r\nx\r\n"});
  CHECK(rig.workers["DB1"]->inbox(rig.bert).size() == 1);

  results = rig.wait_for(
      rig.clients.deliver(rig.socket_of("DB1"), request, {"A: b\r\n", "\r\nx\r\n"}, kTimeout));
  REQUIRE(results);
  CHECK((*results)[0].outcome == Outcome::kDuplicate);
  CHECK(rig.workers["DB1"]->inbox(rig.anna).size() == 1);
}

TEST_CASE("delivery: a worker that is not there is an error at once") {
  Rig rig;
  rig.stop_worker("DB1");
  const auto results = rig.wait_for(
      rig.clients.deliver(rig.socket_of("DB1"), request_for({rig.anna}), {"\r\n"}, kTimeout));
  REQUIRE_FALSE(results);
  CHECK(results.error().code == ErrorCode::kUnavailable);
}

TEST_CASE("delivery: a call over a connection that a worker's restart has cut is repeated") {
  Rig rig;
  for (int i = 0; i < 3; ++i) {
    const auto results = rig.wait_for(
        rig.clients.deliver(rig.socket_of("DB1"), request_for({rig.anna}), {"\r\n"}, kTimeout));
    CHECK(results);
    rig.stop_worker("DB1");
    rig.start_worker("DB1");
  }
  CHECK(rig.workers["DB1"]->inbox(rig.anna).size() == 3);
}

TEST_CASE("delivery: many messages at the same time, large ones among them") {
  Rig rig;
  TaskGroup tasks(rig.io.get_executor());
  std::vector<std::optional<Result<std::vector<DeliverResult>>>> results(40);
  const std::string large = "A: b\r\n\r\n" + std::string(3 << 20, 'x') + "\r\n";
  const std::string small = "A: b\r\n\r\nsmall\r\n";
  for (std::size_t i = 0; i < results.size(); ++i) {
    tasks.spawn("deliver",
                keep_result(rig.clients.deliver(rig.socket_of("DB1"), request_for({rig.anna}),
                                                {i % 10 == 0 ? large : small}, kTimeout),
                            results[i]));
  }
  rig.wait_until([&] { return tasks.size() == 0; });
  for (const auto& result : results) {
    REQUIRE(result);
    CHECK(*result);
  }
  const auto inbox = rig.workers["DB1"]->inbox(rig.anna);
  CHECK(inbox.size() == 40);
  CHECK(std::count(inbox.begin(), inbox.end(), large) == 4);
}
