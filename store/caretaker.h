// Caretaker: compacts a database by itself, seldom and slowly, when enough of its log is dead or
// enough of its index is free pages.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "store/compactor.h"

namespace hauspost::store {

class Caretaker {
 public:
  // Looks every OpenOptions::compact_interval. `compacting` is held during a compaction, by
  // whoever makes one. Both outlive it.
  Caretaker(const CompactedParts& parts, std::mutex& compacting);
  ~Caretaker();  // stop()s
  Caretaker(const Caretaker&) = delete;
  Caretaker& operator=(const Caretaker&) = delete;

  // Ends a compaction under way, which leaves the database whole, and waits for that.
  void stop();

 private:
  void run();
  void look();

  const CompactedParts& parts_;
  std::mutex& compacting_;
  Progress progress_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace hauspost::store
