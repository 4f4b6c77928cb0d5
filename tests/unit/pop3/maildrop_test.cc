#include "protocols/pop3/maildrop.h"

#include <catch2/catch.hpp>

namespace hauspost::pop3 {
namespace {

Maildrop drop_of_three(SortOrder order) {
  Maildrop drop(0x12345678, order);
  drop.add(store::Uid(3), 100);
  drop.add(store::Uid(4), 20);
  drop.add(store::Uid(9), 3);
  return drop;
}

}  // namespace

TEST_CASE("pop3 maildrop: numbers run in the order that was asked for") {
  const Maildrop oldest = drop_of_three(SortOrder::kOldestFirst);
  CHECK(oldest.find(1)->uid.value == 3);
  CHECK(oldest.find(3)->uid.value == 9);
  const Maildrop newest = drop_of_three(SortOrder::kNewestFirst);
  CHECK(newest.find(1)->uid.value == 9);
  CHECK(newest.find(3)->uid.value == 3);
  for (const std::uint32_t number : {0U, 4U, UINT32_MAX}) CHECK_FALSE(newest.find(number));
}

TEST_CASE("pop3 maildrop: marks count once, hide their message and can be taken back") {
  for (const SortOrder order : {SortOrder::kOldestFirst, SortOrder::kNewestFirst}) {
    Maildrop drop = drop_of_three(order);
    CHECK((drop.size() == 3 && drop.count() == 3 && drop.bytes() == 123));
    CHECK(drop.marked().empty());
    CHECK(drop.mark(2));
    CHECK_FALSE(drop.mark(2));
    CHECK_FALSE(drop.mark(0));
    CHECK_FALSE(drop.mark(4));
    CHECK_FALSE(drop.find(2));
    CHECK(drop.find(3));
    CHECK((drop.size() == 3 && drop.count() == 2 && drop.bytes() == 103));
    CHECK(drop.marked() == store::UidSet{{4, 4}});
    drop.unmark_all();
    CHECK((drop.count() == 3 && drop.bytes() == 123));
    CHECK(drop.find(2));
    CHECK(drop.marked().empty());
    for (std::uint32_t number = 1; number <= 3; ++number) CHECK(drop.mark(number));
    CHECK(drop.marked() == store::UidSet{{3, 4}, {9, 9}});
    CHECK((drop.count() == 0 && drop.bytes() == 0));
  }
}

TEST_CASE("pop3 maildrop: a unique id depends on UIDVALIDITY and UID alone") {
  CHECK(drop_of_three(SortOrder::kOldestFirst).unique_id(store::Uid(9)) == "1234567800000009");
  CHECK(drop_of_three(SortOrder::kNewestFirst).unique_id(store::Uid(9)) == "1234567800000009");
  CHECK(Maildrop(1, SortOrder::kOldestFirst).unique_id(store::Uid(UINT32_MAX)) ==
        "00000001ffffffff");
}

}  // namespace hauspost::pop3
