#include "transport/queue/item_index.h"

#include <catch2/catch.hpp>

using namespace hauspost::transport;

namespace {

std::vector<std::uint32_t> take_all(ItemIndex& index, std::uint32_t now_s) {
  std::vector<std::uint32_t> uids;
  while (const auto item = index.take(now_s)) uids.push_back(item->uid);
  return uids;
}

IndexedItem item(std::uint32_t uid, std::uint16_t sender = 0, std::int8_t priority = 0) {
  return {.uid = uid, .sender = sender, .priority = priority};
}

}  // namespace

TEST_CASE("item index: the oldest of a sender comes first, and senders take turns") {
  ItemIndex index;
  for (std::uint32_t uid = 1; uid <= 1000; ++uid) index.add(item(uid, 7));
  index.add(item(1001, 8));
  index.add(item(1002, 8));
  const auto order = take_all(index, 0);
  REQUIRE(order.size() == 1002);
  CHECK(std::vector(order.begin(), order.begin() + 5) ==
        std::vector<std::uint32_t>{1, 1001, 2, 1002, 3});
  CHECK(order.back() == 1000);
  CHECK(index.empty());
}

TEST_CASE("item index: a higher priority goes first") {
  ItemIndex index;
  index.add(item(1, 0, -9));
  index.add(item(2, 0, 0));
  index.add(item(3, 0, 9));
  index.add(item(4, 1, 9));
  CHECK(take_all(index, 0) == std::vector<std::uint32_t>{4, 3, 2, 1});
}

TEST_CASE("item index: what waits comes when it is due") {
  ItemIndex index;
  index.add({.uid = 1, .due_s = 100});
  index.add({.uid = 2, .due_s = 50});
  index.add({.uid = 3, .due_s = 100});
  index.add({.uid = 4, .due_s = kNever});
  CHECK_FALSE(index.has_due(49));
  CHECK(index.next_due() == 50);
  CHECK_FALSE(index.take(49));
  CHECK(take_all(index, 50) == std::vector<std::uint32_t>{2});
  CHECK(index.next_due() == 100);
  CHECK(take_all(index, 1000) == std::vector<std::uint32_t>{1, 3});
  CHECK_FALSE(index.next_due());
  CHECK(index.size() == 1);
  index.make_due();
  const auto last = index.take(1000);
  REQUIRE(last);
  CHECK(last->uid == 4);
  CHECK(last->urgent);
}

TEST_CASE("item index: what is put back is next again") {
  ItemIndex index;
  for (std::uint32_t uid = 1; uid <= 3; ++uid) index.add(item(uid));
  const auto first = index.take(0);
  index.put_back(*first);
  CHECK(take_all(index, 0) == std::vector<std::uint32_t>{1, 2, 3});
}

TEST_CASE("item index: the aged are taken out, the others stay in their order") {
  ItemIndex index;
  for (std::uint32_t uid = 1; uid <= 10; ++uid) {
    index.add({.uid = uid, .due_s = uid % 3 == 0 ? 500U : 0U, .age_s = 100 * uid});
  }
  CHECK(index.earliest_age() == 100);
  CHECK(index.take_aged(99).empty());
  std::vector<std::uint32_t> aged;
  for (const IndexedItem& taken : index.take_aged(450)) aged.push_back(taken.uid);
  std::ranges::sort(aged);
  CHECK(aged == std::vector<std::uint32_t>{1, 2, 3, 4});
  CHECK(index.earliest_age() == 500);
  CHECK(index.size() == 6);
  CHECK(take_all(index, 0) == std::vector<std::uint32_t>{5, 7, 8, 10});
  CHECK(take_all(index, 500) == std::vector<std::uint32_t>{6, 9});
}

TEST_CASE("item index: nodes are used again") {
  ItemIndex index;
  std::uint32_t next = 1;
  std::uint32_t expected = 1;
  for (int round = 0; round < 1000; ++round) {
    for (int i = 0; i < 7; ++i) index.add(item(next++));
    for (int i = 0; i < 6; ++i) REQUIRE(index.take(0)->uid == expected++);
  }
  CHECK(index.size() == 1000);
  CHECK(take_all(index, 0).size() == 1000);
}
