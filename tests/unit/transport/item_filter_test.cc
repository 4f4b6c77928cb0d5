#include "transport/queue/item_filter.h"

#include <catch2/catch.hpp>

#include "transport/queue/queue.h"

using namespace hauspost;
using namespace hauspost::transport;

namespace {

const WallTime kNow{std::chrono::seconds(1'795'288'500)};

QueueItem an_item() {
  QueueItem item{"3-17", "Remote/out/a.example"};
  item.state = ItemState::kRetry;
  item.sender = "Anna@Example.org";
  item.recipients = {"x@a.example", "y@b.example"};
  item.bytes = 20 * 1024;
  item.received = kNow - std::chrono::hours(5);
  item.attempts = 4;
  item.last_error = "mx.a.example said: 452 4.2.2 mailbox full";
  item.priority = -2;
  return item;
}

}  // namespace

TEST_CASE("item filter: what fits") {
  for (const char* text :
       {"", "sender = anna@example.org", "sender ~ EXAMPLE and recipient ~ b.example", "size > 10K",
        "size>=20K", "size <= 1M and age > 4h", "age < 1d", "state = retry",
        "error ~ \"mailbox full\"", "attempts = 4", "priority < 0", "queue ~ remote/", "id = 3-17",
        "recipient != z@c.example", "sender != bert@example.org"}) {
    CAPTURE(text);
    const auto filter = ItemFilter::parse(text);
    REQUIRE(filter);
    CHECK(filter->matches(an_item(), kNow));
  }
}

TEST_CASE("item filter: what does not fit") {
  for (const char* text :
       {"sender = anna", "size > 20K", "age > 1d", "state = ready", "recipient != x@a.example",
        "attempts > 4", "priority >= 0", "sender ~ example and size > 1G"}) {
    CAPTURE(text);
    const auto filter = ItemFilter::parse(text);
    REQUIRE(filter);
    CHECK_FALSE(filter->matches(an_item(), kNow));
  }
}

TEST_CASE("item filter: what is none") {
  for (const char* text : {"sender", "sender =", "colour = red", "size ~ 3", "size > much",
                           "sender > a", "sender = a or sender = b", "sender = a and",
                           "error ~ \"open", "age > 5x", "sender = a sender = b"}) {
    CAPTURE(text);
    const auto filter = ItemFilter::parse(text);
    REQUIRE_FALSE(filter);
    CHECK(filter.error().code == ErrorCode::kInvalid);
  }
}
