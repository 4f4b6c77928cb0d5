// Mapped pages that were read are let go of, and read the same afterwards.
#include <catch2/catch.hpp>

#include <fstream>

#include "store/environment.h"
#include "store/segment_map.h"
#include "tests/unit/temp_folder.h"

using namespace hauspost;
using namespace hauspost::store;

namespace {

// Bytes of `file` that are resident in this process.
std::uint64_t resident(const std::string& file) {
  std::ifstream maps("/proc/self/smaps");
  std::uint64_t kib = 0;
  bool here = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find('-') < line.find(' ') && line.find(':') > line.find('-'))
      here = line.ends_with(file);
    if (here && line.starts_with("Rss:")) kib += std::stoull(line.substr(4));
  }
  return kib * 1024;
}

constexpr std::uint64_t kMiB = 1ULL << 20;

std::string row(int i) { return std::string(1000, static_cast<char>('a' + i % 26)); }

}  // namespace

TEST_CASE("environment: pages that were let go of read as before") {
  const test::TempFolder folder;
  Environment::Options options;
  options.path = folder / "data.mdb";
  options.sync = false;
  auto environment = Environment::open(options);
  REQUIRE(environment);
  const auto table = (*environment)->open_table("rows", true);
  REQUIRE(table);
  constexpr int kRows = 8000;
  {
    auto txn = (*environment)->write();
    REQUIRE(txn);
    for (int i = 0; i < kRows; ++i) REQUIRE(txn->put(*table, std::to_string(i), row(i)));
    REQUIRE(txn->commit());
  }
  const auto read_all = [&] {
    const auto txn = (*environment)->read();
    REQUIRE(txn);
    for (int i = 0; i < kRows; ++i) REQUIRE(txn->get(*table, std::to_string(i)) == row(i));
  };
  read_all();
  REQUIRE(resident("/data.mdb") > 6 * kMiB);
  (*environment)->let_go_of_pages();
  CHECK(resident("/data.mdb") < kMiB);
  read_all();
  const auto open = (*environment)->read();
  REQUIRE(open);
  const auto seen = open->get(*table, "17");
  (*environment)->let_go_of_pages();
  CHECK(seen == row(17));  // what a reader holds stays in place
}

TEST_CASE("segment cache: reading everything keeps little of it resident") {
  const test::TempFolder folder;
  constexpr std::uint64_t kBytes = 48 * kMiB;
  const std::string name = folder / segment_name(Lsn(1));
  {
    std::ofstream file(name, std::ios::binary);
    const std::string piece(kMiB, 's');
    for (std::uint64_t i = 0; i < kBytes; i += kMiB) file << piece;
  }
  SegmentCache cache(folder.path());
  const auto map = cache.get(Lsn(1), kBytes);
  REQUIRE(map);
  std::uint64_t sum = 0;
  for (std::uint64_t at = 0; at < kBytes; at += kMiB) {
    for (const char c : (*map)->bytes().substr(at, kMiB)) sum += static_cast<unsigned char>(c);
    cache.note_read(*map, kMiB);
    CHECK(resident(segment_name(Lsn(1))) <= 20 * kMiB);
  }
  CHECK(sum == kBytes * 's');
}
