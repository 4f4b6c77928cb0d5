#include "store/replay.h"

namespace hauspost::store {

namespace {

constexpr std::size_t kBatchRecords = 2048;
constexpr std::uint64_t kBatchBytes = 8ULL << 20;

}  // namespace

Result<> Replay::add(const PlacedRecord& placed) {
  if (!txn_) {
    TRY_ASSIGN(WriteTxn txn, index_.environment->write());
    txn_.emplace(std::move(txn));
    TRY_ASSIGN(Applier applier, Applier::create(*txn_, index_));
    applier_.emplace(std::move(applier));
  }
  const RecordView& record = placed.record;
  applier_->begin(record.header, static_cast<std::uint32_t>(record.blobs.size()));
  TRY(read_operations(record, [this](const Operation& op) { return applier_->apply(op); }));
  TRY(applier_->finish(placed.segment, placed.offset, record.blobs));
  applier_->take_events();
  ++records_;
  bytes_ += record.operation_bytes.size();
  if (records_ < kBatchRecords && bytes_ < kBatchBytes) return {};
  return commit();
}

Result<> Replay::commit() {
  if (!txn_) return {};
  TRY(applier_->flush());
  TRY(txn_->commit());
  applier_.reset();
  txn_.reset();
  records_ = bytes_ = 0;
  return committed_ ? committed_() : Result<>();
}

}  // namespace hauspost::store
