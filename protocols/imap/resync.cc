#include "protocols/imap/resync.h"

#include <algorithm>

#include "protocols/imap/message_stream.h"
#include "protocols/imap/uid_algebra.h"

namespace hauspost::imap {
namespace {

// The numbers of a set that rises, by position.
class Numbers {
 public:
  explicit Numbers(const SequenceSet& set) : set_(set) {
    for (const SequenceSet::Range& range : set.ranges) {
      begins_.push_back(count_);
      count_ += std::uint64_t{range.last} - range.first + 1;
    }
  }
  std::uint64_t count() const { return count_; }
  std::uint32_t at(std::uint64_t position) const {
    const auto range = std::ranges::upper_bound(begins_, position) - begins_.begin() - 1;
    const auto at = static_cast<std::size_t>(range);
    return set_.ranges[at].first + static_cast<std::uint32_t>(position - begins_[at]);
  }

 private:
  const SequenceSet& set_;
  std::vector<std::uint64_t> begins_;
  std::uint64_t count_ = 0;
};

// Of `known`, what was expunged after `since`; without the store's memory of that, everything that
// is not behind what this session shows and still there.
store::UidSet maybe_gone(const store::Snapshot& snapshot, const MailboxView& view,
                         const store::UidSet& known, store::ModSeq since) {
  if (const auto expunged = snapshot.expunged_since(view.folder(), since))
    return intersection(known, *expunged);
  const auto folder = snapshot.folder(view.folder());
  if (!folder || folder->uid_next.value <= 1) return {};
  std::vector<std::uint32_t> unshown;
  if (view.last_uid() < UINT32_MAX)
    snapshot.for_each_message(view.folder(), {view.last_uid() + 1, UINT32_MAX},
                              [&](const store::Message& message) {
                                unshown.push_back(message.uid.value);
                                return true;
                              });
  return without(intersection(known, store::UidSet{{1, folder->uid_next.value - 1}}), unshown);
}

}  // namespace

store::UidSet changed_since(Session& session, const store::UidSet& uids, store::ModSeq since) {
  store::UidSet changed;
  session.snapshot().for_each_changed(session.view().folder(), since,
                                                 [&](const store::Message& message) {
                                                   if (uids.contains(message.uid.value))
                                                     changed.add(message.uid.value);
                                                   return true;
                                                 });
  return changed;
}

std::uint32_t matching_prefix(std::span<const std::uint32_t> uids, const SequenceSet& sequences,
                              const SequenceSet& known_uids) {
  const Numbers positions(sequences);
  const Numbers known(known_uids);
  // Messages only ever leave: where one pair agrees all before it do.
  std::uint64_t agree = 0;
  std::uint64_t differ = std::min(positions.count(), known.count());
  while (agree < differ) {
    const std::uint64_t middle = agree + (differ - agree) / 2;
    const std::uint32_t sequence = positions.at(middle);
    if (sequence <= uids.size() && uids[sequence - 1] == known.at(middle)) {
      agree = middle + 1;
    } else {
      differ = middle;
    }
  }
  return agree == 0 ? 0 : known.at(agree - 1);
}

Task<Result<>> write_vanished_earlier(Session& session, const store::UidSet& known,
                                      store::ModSeq since) {
  MailboxView& view = session.view();
  const store::UidSet gone =
      without(maybe_gone(session.snapshot(), view, known, since), view.uids());
  store::UidSet piece;
  for (const store::UidRange range : gone.ranges()) {
    piece.add(range);
    if (piece.ranges().size() < MailboxView::kSlice) continue;
    append_vanished("VANISHED (EARLIER)", piece, session.out().text());
    piece = {};
    CO_TRY(co_await session.breathe());
  }
  append_vanished("VANISHED (EARLIER)", piece, session.out().text());
  co_return Result<>{};
}

Task<Result<>> resynchronize(Session& session, const store::Folder& folder,
                             const ResyncRequest& request) {
  if (request.uid_validity != folder.uid_validity || folder.uid_next.value <= 1)
    co_return Result<>{};
  const store::UidSet given{{1, folder.uid_next.value - 1}};
  store::UidSet known = given;
  if (request.known_uids) known = intersection(given, request.known_uids->resolve(UINT32_MAX));
  const std::uint32_t agreed =
      matching_prefix(session.view().uids(), request.match_sequences, request.match_uids);
  store::UidSet unsure = known;
  if (agreed >= folder.uid_next.value - 1) {
    unsure = {};
  } else if (agreed > 0) {
    unsure = intersection(known, store::UidSet{{agreed + 1, folder.uid_next.value - 1}});
  }
  const store::ModSeq since(request.modseq);
  CO_TRY(co_await write_vanished_earlier(session, unsure, since));
  const std::vector<FetchItem> items = {{.attribute = FetchAttribute::kUid},
                                        {.attribute = FetchAttribute::kFlags},
                                        {.attribute = FetchAttribute::kModSeq}};
  FetchWriter writer(items, session.dialect().uid_only);
  const store::UidSet changed = changed_since(session, known, since);
  CO_TRY(co_await stream_messages(session, changed, writer));
  co_return Result<>{};
}

}  // namespace hauspost::imap
