// Replay: records of the change log into an index, in transactions of bounded size.
#pragma once

#include <functional>
#include <optional>

#include "store/applier.h"
#include "store/log_reader.h"

namespace hauspost::store {

// REQUIRES: one thread; destroyed before the index. After a failure only destruction may follow.
class Replay {
 public:
  // `committed` is called after each commit.
  explicit Replay(const Index& index, std::function<Result<>()> committed = nullptr)
      : index_(index), committed_(std::move(committed)) {}

  // REQUIRES: the record behind the last one, or behind the index's State::applied.
  Result<> add(const PlacedRecord& placed);
  // Commits what was added since the last time.
  Result<> commit();

 private:
  const Index& index_;
  const std::function<Result<>()> committed_;
  std::optional<WriteTxn> txn_;
  std::optional<Applier> applier_;
  std::size_t records_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace hauspost::store
