// HitWalk: looks once at each message that a search found, in slices: how SORT and THREAD get at
// what they compare.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "protocols/imap/envelope_reader.h"
#include "protocols/imap/search_evaluator.h"
#include "store/snapshot.h"

namespace hauspost::imap {

// What of a message's body is wanted.
enum class HitParts : std::uint8_t { kNothing, kEnvelope, kEnvelopeAndReferences };

struct HitMessage {
  const store::Message& message;
  Envelope envelope;       // empty when it cannot be read
  std::string references;  // the value of the References field
};

class HitWalk {
 public:
  static constexpr std::size_t kSliceMessages = 200;

  // `visit` sees the hits that still exist, in their order; false: enough for this step.
  // REQUIRES: both outlive the walk.
  HitWalk(std::span<const SearchHit> hits, HitParts parts,
          std::function<bool(const HitMessage&)> visit)
      : hits_(hits), parts_(parts), visit_(std::move(visit)) {}

  // True: there is more to do. `snapshot` may be a newer one each time.
  bool step(const store::Snapshot& snapshot, store::FolderId folder);
  // Hits looked at so far.
  std::size_t done() const { return next_; }
  // Which hit was visited as number `visit`, from 0.
  std::size_t hit_of(std::size_t visit) const { return visited_[visit]; }

 private:
  HitMessage read(const store::Snapshot& snapshot, const store::Message& message) const;

  std::span<const SearchHit> hits_;
  HitParts parts_;
  std::function<bool(const HitMessage&)> visit_;
  std::size_t next_ = 0;
  std::vector<std::uint32_t> visited_;
};

}  // namespace hauspost::imap
