#include "protocols/imap/stepwise_sort.h"

#include <catch2/catch.hpp>

#include <random>

namespace hauspost::imap {

TEST_CASE("imap stepwise sort: as a stable sort does it, whatever the length and the steps") {
  std::mt19937 random(20261121);
  for (const std::size_t count : {0, 1, 2, 63, 64, 65, 127, 128, 129, 1000, 4096, 10'007}) {
    for (const std::size_t moves : {1, 7, 5000, 1'000'000}) {
      std::vector<std::uint32_t> keys(count);
      for (std::uint32_t& key : keys) key = random() % (count / 4 + 1);
      const auto less = [&](std::uint32_t a, std::uint32_t b) { return keys[a] < keys[b]; };
      StepwiseSort sort(count, less);
      std::size_t steps = 0;
      while (sort.step(moves)) ++steps;
      std::vector<std::uint32_t> expected(count);
      std::iota(expected.begin(), expected.end(), 0);
      std::ranges::sort(expected, [&](std::uint32_t a, std::uint32_t b) {
        return keys[a] != keys[b] ? keys[a] < keys[b] : a < b;
      });
      INFO("count " << count << " moves " << moves);
      CHECK(std::ranges::equal(sort.order(), expected));
      if (moves == 1 && count > 128) CHECK(steps > count / 64);
    }
  }
}

}  // namespace hauspost::imap
