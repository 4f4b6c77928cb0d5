// Cache of answers, by question, as long as their TTL says.
#pragma once

#include <chrono>
#include <list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "transport/dns/message.h"

namespace hauspost::dns {

// REQUIRES: one thread.
class Cache {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Key = std::pair<RecordType, std::string>;  // normal_name()
  struct Limits {
    std::size_t entries_max = 50'000;
    std::size_t bytes_max = 16ULL << 20;  // of names and records
  };
  struct Entry {
    Key key;
    Answer<std::string> answer;  // its ttl is what is left
    bool open_end = false;
  };
  struct Counts {
    std::size_t entries = 0;
    std::size_t bytes = 0;
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
  };

  explicit Cache(Limits limits) : limits_(limits) {}

  // nullptr: not there, or too old. Good until the next call.
  const Entry* find(const Key& key, Time now);
  // Answers of no TTL, failures and what alone would be too large are not kept. The one that was
  // not asked for the longest makes room.
  void put(Entry entry, Time now);
  // What is kept of a name, or with an empty one everything. Returns how many.
  std::size_t forget(std::string_view name);
  // By name, at most `most`.
  std::vector<Entry> list(std::size_t most, Time now) const;
  Counts counts() const;

 private:
  struct Kept {
    Entry entry;
    Time until;
    std::size_t bytes = 0;
  };
  using Recent = std::list<Kept>;  // the last asked for first
  void erase(std::map<Key, Recent::iterator>::iterator which);

  Limits limits_;
  Recent recent_;
  std::map<Key, Recent::iterator> entries_;
  std::size_t bytes_ = 0;
  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;
};

}  // namespace hauspost::dns
