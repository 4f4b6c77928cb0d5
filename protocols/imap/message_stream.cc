#include "protocols/imap/message_stream.h"

#include <algorithm>

#include "base/log.h"

namespace hauspost::imap {
namespace {

constexpr std::size_t kSliceMessages = 500;

// One command's walk over the view. next_slice() is the part that holds a snapshot.
class Walk {
 public:
  Walk(Session& session, const store::UidSet& uids, FetchWriter& writer)
      : session_(session), uids_(uids), writer_(writer) {}

  // True when there is more to do.
  bool next_slice() {
    MailboxView& view = session_.view();
    const store::Snapshot snapshot = session_.snapshot();
    const auto folder = snapshot.folder(view.folder());
    if (!folder) return false;  // the news after the command say so
    view.announce_keywords(*folder, session_.out().output());
    std::size_t left = kSliceMessages;
    while (range_ < uids_.ranges().size()) {
      const store::UidRange range = uids_.ranges()[range_];
      const std::uint32_t first = std::max(range.first, next_);
      bool paused = false;
      snapshot.for_each_message(view.folder(), {first, range.last}, [&](const store::Message& m) {
        visit(snapshot, *folder, m);
        next_ = m.uid.value + 1;
        paused = --left == 0 || session_.out().full();
        return !paused;
      });
      if (paused && next_ != 0 && next_ <= range.last) return true;
      ++range_;
      if (paused) return range_ < uids_.ranges().size();
    }
    return false;
  }

  Streamed finish() {
    const std::uint64_t known = session_.view().count_known(uids_);
    streamed_.missing = known - std::min(known, visited_);
    return std::move(streamed_);
  }

 private:
  void visit(const store::Snapshot& snapshot, const store::Folder& folder,
             const store::Message& message) {
    MailboxView& view = session_.view();
    const auto uids = view.uids();
    // Messages come in rising order: mostly the next position is the one.
    if (position_ >= uids.size() || uids[position_] != message.uid.value) {
      const std::uint32_t sequence = view.sequence_of(message.uid.value);
      if (sequence == 0) return;
      position_ = sequence - 1;
    }
    ++visited_;
    const bool recent = view.recent().contains(message.uid.value);
    const auto outcome =
        writer_.write(snapshot, folder, message, static_cast<std::uint32_t>(position_) + 1, recent,
                      session_.out().output());
    ++position_;
    if (!outcome) {
      ++streamed_.unreadable;
      log::error(
          "imap.message.unreadable",
          {{"folder", folder.id.value}, {"uid", message.uid.value}, {"error", outcome.error()}});
    } else if (*outcome == FetchOutcome::kUnknownEncoding) {
      streamed_.unknown_encoding = true;
    } else if ((message.flags & store::kSeen) == 0) {
      streamed_.unseen.add(message.uid.value);
    }
  }

  Session& session_;
  const store::UidSet& uids_;
  FetchWriter& writer_;
  Streamed streamed_;
  std::size_t range_ = 0;
  std::uint32_t next_ = 0;
  std::size_t position_ = 0;
  std::uint64_t visited_ = 0;
};

}  // namespace

Task<Result<Streamed>> stream_messages(Session& session, const store::UidSet& uids,
                                       FetchWriter& writer) {
  Walk walk(session, uids, writer);
  while (walk.next_slice()) CO_TRY(co_await session.breathe());
  co_return walk.finish();
}

}  // namespace hauspost::imap
