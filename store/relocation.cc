#include <future>

#include "base/bytes.h"
#include "base/log.h"
#include "store/compactor.h"

namespace hauspost::store {

namespace {

constexpr std::size_t kBatchBodies = 256;
constexpr std::uint64_t kBatchBytes = 1ULL << 20;  // others wait no longer than for this much
constexpr std::size_t kRowsASnapshot = 20'000;     // a snapshot that is open long costs pages

struct Place {
  BodyId id;
  BodyRow row;
};

// The same bytes as they lie in the log, ready to be written again.
PreparedBody as_stored(std::string_view blob, std::size_t summary_bytes) {
  PreparedBody body;
  body.header = std::string(blob.substr(0, kBlobHeaderBytes));
  body.summary = std::string(blob.substr(kBlobHeaderBytes, summary_bytes));
  body.message = std::make_shared<const std::string>(blob.substr(kBlobHeaderBytes + summary_bytes));
  return body;
}

class Relocation {
 public:
  Relocation(const CompactedParts& parts, std::set<std::uint64_t>& segments,
             std::vector<std::string>& faults)
      : parts_(parts), segments_(segments), faults_(faults) {}

  // The next bodies to move; empty at the end.
  Result<std::vector<Place>> gather() {
    std::vector<Place> places;
    std::uint64_t bytes = 0;
    while (!at_end_ && places.empty()) {
      TRY_ASSIGN(const ReadTxn txn, parts_.index.environment->read());
      TRY_ASSIGN(Cursor cursor, Cursor::open(txn, parts_.index.bodies));
      TRY_ASSIGN(bool here, cursor.seek(body_key(next_)));
      for (std::size_t rows = 0; here && rows < kRowsASnapshot; ++rows) {
        if (cursor.key().size() != sizeof(std::uint64_t))
          return fail(ErrorCode::kCorrupt, "index: bad row in table bodies");
        const BodyId id(load_be<std::uint64_t>(cursor.key().data()));
        TRY_ASSIGN(const BodyRow row, decode_body(cursor.value()));
        if (segments_.contains(row.segment.value)) {
          if (!places.empty() && (places.size() >= kBatchBodies || bytes + row.bytes > kBatchBytes))
            return places;
          places.push_back({id, row});
          bytes += row.bytes;
        }
        next_ = id.next();
        TRY_ASSIGN(here, cursor.next());
      }
      at_end_ = !here;
    }
    return places;
  }

  Result<Moved> move(const std::vector<Place>& places) {
    Bodies bodies;
    std::vector<Place> readable;
    Moved moved;
    for (const Place& place : places) {
      auto body = read(place);
      if (!body) {
        give_up(place, body.error());
        continue;
      }
      readable.push_back(place);
      moved.bytes += place.row.bytes;
      bodies.push_back(std::make_shared<const PreparedBody>(*std::move(body)));
    }
    if (readable.empty()) return moved;
    TRY(submit_and_wait(parts_.writer, std::move(bodies), [&](Plan& plan) {
      moved.bodies = 0;
      return plan_move(plan, readable, moved.bodies);
    }));
    return moved;
  }

 private:
  Result<PreparedBody> read(const Place& place) const {
    const BodyRow& row = place.row;
    TRY_ASSIGN(const auto map, parts_.segments.get(row.segment, row.offset + row.bytes));
    const std::string_view bytes = map->bytes().substr(row.offset, row.bytes);
    TRY_ASSIGN(const BlobView blob, decode_blob(bytes, true));
    if (blob.bytes != row.bytes)
      return fail(ErrorCode::kCorrupt, "a body is not as long as the index says");
    return as_stored(bytes, blob.summary.size());
  }

  // What cannot be read stays where it is: to be repaired from a backup, not thrown away.
  void give_up(const Place& place, const Error& error) {
    segments_.erase(place.row.segment.value);
    faults_.push_back(fmt::format("body {} in segment {}: {}", place.id.value,
                                  segment_name(place.row.segment), error.text));
    log::error("store.body.damaged",
               {{"body", place.id.value}, {"segment", place.row.segment.value}, {"error", error}});
  }

  // On the writer's thread: some may have died or been moved since they were looked at.
  static Result<> plan_move(Plan& plan, const std::vector<Place>& places, std::uint64_t& count) {
    RelocateBodies op;
    for (const Place& place : places) {
      TRY_ASSIGN(const auto raw, plan.txn().get(plan.index().bodies, body_key(place.id)));
      bool here = false;
      if (raw) {
        TRY_ASSIGN(const BodyRow now, decode_body(*raw));
        here = now.segment == place.row.segment && now.offset == place.row.offset;
      }
      op.bodies.push_back(here ? place.id : BodyId());
      count += here ? 1 : 0;
    }
    return count == 0 ? Result<>() : plan.emit(op);
  }

  const CompactedParts& parts_;
  std::set<std::uint64_t>& segments_;
  std::vector<std::string>& faults_;
  BodyId next_{1};
  bool at_end_ = false;
};

}  // namespace

Result<> submit_and_wait(Writer& writer, Bodies bodies, std::function<Result<>(Plan&)> plan) {
  std::promise<void> answered;
  Request request;
  request.bodies = std::move(bodies);
  request.plan = std::move(plan);
  request.frees = true;
  request.done = [&answered] { answered.set_value(); };
  if (writer.submit(request)) answered.get_future().wait();
  if (request.error) return fail(*std::move(request.error));
  return {};
}

Result<Moved> relocate_bodies(const CompactedParts& parts, std::set<std::uint64_t>& segments,
                              Throttle& throttle, Progress& progress,
                              std::vector<std::string>& faults) {
  Relocation relocation(parts, segments, faults);
  Moved total;
  while (true) {
    TRY(progress.check());
    TRY_ASSIGN(const auto places, relocation.gather());
    if (places.empty()) return total;
    TRY_ASSIGN(const Moved moved, relocation.move(places));
    total.bodies += moved.bodies;
    total.bytes += moved.bytes;
    progress.add(moved.bytes);
    TRY(throttle.spend(moved.bytes, progress));
  }
}

}  // namespace hauspost::store
