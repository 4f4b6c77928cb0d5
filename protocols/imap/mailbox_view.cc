#include "protocols/imap/mailbox_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.h"

namespace hauspost::imap {
namespace {

const std::vector<FetchItem> kFlagItems = {{.attribute = FetchAttribute::kUid},
                                           {.attribute = FetchAttribute::kFlags}};
const std::vector<FetchItem> kFlagAndModSeqItems = {{.attribute = FetchAttribute::kUid},
                                                    {.attribute = FetchAttribute::kFlags},
                                                    {.attribute = FetchAttribute::kModSeq}};
// RFC 9051 section 2.3.2.
constexpr std::string_view kKnownKeywords[] = {"$Forwarded", "$MDNSent", "$Junk", "$NotJunk",
                                               "$Phishing"};
// Of one VANISHED response: many short lines instead of one without end.
constexpr std::size_t kVanishedRangesMax = 500;

// The elements of sorted `uids` within `range`.
template <class Uids>
auto within(Uids& uids, store::UidRange range) {
  const auto first = std::ranges::lower_bound(uids, range.first);
  const auto last = std::ranges::upper_bound(first, uids.end(), range.last);
  return std::ranges::subrange(first, last);
}

// Takes the elements in `ranges` out of sorted `uids`, in one pass from the first of them on.
void erase(std::vector<std::uint32_t>& uids, std::span<const store::UidRange> ranges) {
  auto kept = std::ranges::lower_bound(uids, ranges.front().first);
  auto from = kept;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    from = std::upper_bound(from, uids.end(), ranges[i].last);
    const auto next =
        i + 1 < ranges.size() ? std::lower_bound(from, uids.end(), ranges[i + 1].first)
                              : uids.end();
    kept = std::copy(from, next, kept);
    from = next;
  }
  uids.erase(kept, uids.end());
}

}  // namespace

std::string flags_in_use(const store::Folder& folder, bool with_star) {
  std::string out = "(\\Answered \\Flagged \\Deleted \\Seen \\Draft";
  for (const std::string& keyword : folder.keywords) {
    out += ' ';
    out += keyword;
  }
  if (with_star) out += " \\*";
  out += ')';
  return out;
}

void append_vanished(std::string_view word, const store::UidSet& uids, std::string& out) {
  std::size_t in_line = 0;
  for (const store::UidRange range : uids.ranges()) {
    if (in_line == kVanishedRangesMax) {
      out += "\r\n";
      in_line = 0;
    }
    out += in_line++ == 0 ? fmt::format("* {} ", word) : ",";
    out += range.first == range.last ? fmt::format("{}", range.first)
                                     : fmt::format("{}:{}", range.first, range.last);
  }
  if (in_line > 0) out += "\r\n";
}

MailboxView::MailboxView(store::Database& database, store::FolderId folder, bool read_only,
                         Guid session, Executor executor, Signal& signal)
    : database_(database),
      folder_(folder),
      read_only_(read_only),
      session_(session),
      watch_(database, folder, executor, signal) {}

void MailboxView::speak_rev2() {
  rev2_ = true;
  recent_ = {};
}

// RFC 9051 section 2.3.2: those that any folder takes, whether a message has them by now or not.
std::string MailboxView::flags_text(const store::Folder& folder, bool with_star) const {
  std::string out = flags_in_use(folder, false);
  out.pop_back();
  for (const std::string_view keyword : kKnownKeywords) {
    const bool there = std::ranges::any_of(
        folder.keywords, [&](const std::string& used) { return iequals(used, keyword); });
    if (rev2_ && !there) out += fmt::format(" {}", keyword);
  }
  out += with_star ? " \\*)" : ")";
  return out;
}

void MailboxView::look_as(const Guid& identity, store::RightBits rights, bool own) {
  identity_ = identity;
  rights_ = rights;
  own_ = own;
}

std::string MailboxView::permanent_flags(const store::Folder& folder) const {
  if (read_only_) return "()";
  if (rights_ == store::kAllRights) return flags_text(folder, true);
  std::string out;
  const auto add = [&](std::string_view flag, store::RightBits needed) {
    if ((rights_ & needed) == 0) return;
    if (!out.empty()) out += ' ';
    out += flag;
  };
  add("\\Answered \\Flagged", store::kMayWrite);
  add("\\Deleted", store::kMayDeleteMessages);
  add("\\Seen", store::kMayKeepSeen);
  add("\\Draft", store::kMayWrite);
  for (const std::string& keyword : folder.keywords) add(keyword, store::kMayWrite);
  add("\\*", store::kMayWrite);
  return fmt::format("({})", out);
}

std::optional<store::Folder> MailboxView::open() {
  store::Snapshot snapshot = database_.snapshot();
  if (!identity_.is_nil()) snapshot.view_as(identity_);
  auto folder = snapshot.folder(folder_);
  if (!folder) return std::nullopt;
  uids_ = snapshot.uids(folder_);
  heard_ = folder->highest_modseq;
  keywords_known_ = folder->keywords.size();
  if (!read_only_ && !rev2_) {
    const store::Uid first = database_.claim_recent(folder_, folder->uid_next);
    if (first < folder->uid_next) recent_.add({first.value, folder->uid_next.value - 1});
  }
  return folder;
}

std::uint32_t MailboxView::recent_count() const {
  return static_cast<std::uint32_t>(count_known(recent_));
}

std::uint32_t MailboxView::sequence_of(std::uint32_t uid) const {
  const auto at = std::ranges::lower_bound(uids_, uid);
  if (at == uids_.end() || *at != uid) return 0;
  return static_cast<std::uint32_t>(at - uids_.begin()) + 1;
}

std::optional<store::UidSet> MailboxView::resolve(const SequenceSet& set, bool uid) const {
  store::UidSet uids;
  if (set.saved) return saved_;
  if (uid) {
    for (const store::UidRange range : set.resolve(last_uid()).ranges()) {
      if (range.first <= last_uid()) uids.add({range.first, std::min(range.last, last_uid())});
    }
    return uids;
  }
  for (const SequenceSet::Range& range : set.ranges) {
    const bool open = range.first == SequenceSet::kStar || range.last == SequenceSet::kStar;
    // "1:*" of an empty mailbox is what a client asks that lost a race, not a mistake.
    if (std::max(range.first, range.last) > size() && !(open && uids_.empty())) return std::nullopt;
  }
  if (uids_.empty()) return uids;
  // Between two neighbours of the view there are no UIDs but expunged ones: a range of sequence
  // numbers is a range of UIDs.
  for (const store::UidRange range : set.resolve(size()).ranges())
    uids.add({uids_[range.first - 1], uids_[range.last - 1]});
  return uids;
}

std::uint64_t MailboxView::count_known(const store::UidSet& uids) const {
  std::uint64_t count = 0;
  for (const store::UidRange range : uids.ranges())
    count += static_cast<std::uint64_t>(std::ranges::distance(within(uids_, range)));
  return count;
}

store::UidSet MailboxView::sequences_of(const store::UidSet& uids) const {
  store::UidSet sequences;
  for (const store::UidRange range : uids.ranges()) {
    const auto known = within(uids_, range);
    if (known.empty()) continue;
    const auto first = static_cast<std::uint32_t>(known.begin() - uids_.begin()) + 1;
    sequences.add({first, first + static_cast<std::uint32_t>(known.size()) - 1});
  }
  return sequences;
}

store::UidSet MailboxView::partial(const store::UidSet& uids, const PartialRange& range) const {
  const store::UidSet sequences = sequences_of(uids);
  const PartialRange::Slice slice = range.of(sequences.count());
  store::UidSet chosen;
  std::size_t behind = 0;  // of the messages in the ranges so far
  for (const store::UidRange known : sequences.ranges()) {
    const std::size_t count = known.last - known.first + 1;
    const std::size_t begin = std::clamp(slice.begin, behind, behind + count) - behind;
    const std::size_t end = std::clamp(slice.end, behind, behind + count) - behind;
    const std::size_t first = known.first - 1;
    if (begin < end) chosen.add({uids_[first + begin], uids_[first + end - 1]});
    behind += count;
  }
  return chosen;
}

void MailboxView::note_expunged(const store::UidSet& uids, store::ModSeq before) {
  if (expunged_.empty()) before_expunges_ = before;
  for (const store::UidRange range : uids.ranges()) expunged_.add(range);
}

bool MailboxView::collect(bool with_expunges) {
  const store::FolderWatch::Taken taken = watch_.take();
  missed_events_ |= taken.overflowed;
  for (const store::FolderEvent& event : taken.events) {
    using enum store::FolderEvent::Kind;
    const store::ModSeq before = heard_;
    if (!missed_events_) heard_ = std::max(heard_, event.modseq);
    switch (event.kind) {
      case kAppended:
        appended_ = true;
        if (event.session == session_ && keeps_fresh_) {
          for (const store::UidRange range : event.uids.ranges()) own_appended_.add(range);
        }
        break;
      case kFlags:
        // Our own STORE has answered for itself.
        if (event.session == session_) break;
        // Nor has somebody else's \Seen changed anything here.
        if (!event.identity.is_nil() && event.identity != identity_) break;
        for (const store::UidRange range : event.uids.ranges()) flags_.add(range);
        break;
      case kExpunged: note_expunged(event.uids, before); break;
      case kDeleted: deleted_ = true; break;
      case kRenamed:  // a selected mailbox is known by its id
      case kCreated:
      case kSubscribed:
      case kMetadata: break;
    }
  }
  return appended_ || deleted_ || missed_events_ || !flags_.empty() ||
         (with_expunges && !expunged_.empty());
}

bool MailboxView::announce(const store::Snapshot& snapshot, bool with_expunges,
                           const Dialect& dialect, FetchOutput& out) {
  const auto folder = snapshot.folder(folder_);
  if (!folder) {
    deleted_ = true;
    return false;
  }
  if (missed_events_) {
    compare_whole(snapshot);
    heard_ = folder->highest_modseq;
  }
  announce_keywords(*folder, out);
  if (with_expunges && !expunged_.empty()) announce_expunges(dialect.vanished(), out);
  if (appended_) announce_new(snapshot, *folder, out);
  return announce_flags(snapshot, *folder, dialect, out);
}

void MailboxView::announce_keywords(const store::Folder& folder, FetchOutput& out) {
  if (folder.keywords.size() == keywords_known_) return;
  keywords_known_ = folder.keywords.size();
  out.text() += fmt::format("* FLAGS {}\r\n", flags_text(folder, false));
  if (!read_only_)
    out.text() +=
        fmt::format("* OK [PERMANENTFLAGS {}] Flags permitted\r\n", permanent_flags(folder));
}

// Events were dropped: what they said is found again by comparing.
void MailboxView::compare_whole(const store::Snapshot& snapshot) {
  missed_events_ = false;
  appended_ = true;
  const std::vector<std::uint32_t> now = snapshot.uids(folder_);
  std::vector<std::uint32_t> gone;
  std::ranges::set_difference(uids_, now, std::back_inserter(gone));
  if (expunged_.empty()) before_expunges_ = heard_;
  for (const std::uint32_t uid : gone) expunged_.add(uid);
  snapshot.for_each_changed(folder_, heard_, [&](const store::Message& message) {
    flags_.add(message.uid.value);
    return true;
  });
}

// EXPUNGE from the back, so that no number shifts before it is said. VANISHED names what the client
// knows and nothing else (RFC 7162 section 3.2.10.2).
void MailboxView::announce_expunges(bool vanished, FetchOutput& out) {
  store::UidSet known;
  const auto ranges = expunged_.ranges();
  if (vanished) {
    for (const store::UidRange range : ranges) {
      for (const std::uint32_t uid : within(uids_, range)) known.add(uid);
    }
    append_vanished("VANISHED", known, out.text());
  }
  for (std::size_t i = ranges.size(); !vanished && i-- > 0;) {
    const auto gone = within(uids_, ranges[i]);
    const std::ptrdiff_t first = gone.begin() - uids_.begin();
    for (std::ptrdiff_t at = gone.end() - uids_.begin(); at > first; --at)
      out.text() += fmt::format("* {} EXPUNGE\r\n", at);
  }
  erase(uids_, ranges);
  expunged_ = {};
}

void MailboxView::announce_new(const store::Snapshot& snapshot, const store::Folder& folder,
                               FetchOutput& out) {
  appended_ = false;
  const std::size_t before = uids_.size();
  if (last_uid() == UINT32_MAX) return;
  snapshot.for_each_message(folder_, {last_uid() + 1, UINT32_MAX}, [&](const store::Message& m) {
    uids_.push_back(m.uid.value);
    if (keeps_fresh_ && !own_appended_.contains(m.uid.value)) fresh_.add(m.uid.value);
    return true;
  });
  own_appended_ = {};
  if (uids_.size() == before) return;
  if (!read_only_ && !rev2_) {
    const store::Uid first = database_.claim_recent(folder_, folder.uid_next);
    if (first < folder.uid_next) recent_.add({first.value, folder.uid_next.value - 1});
  }
  out.text() += fmt::format("* {} EXISTS\r\n", size());
  if (!rev2_) out.text() += fmt::format("* {} RECENT\r\n", recent_count());
}

bool MailboxView::announce_flags(const store::Snapshot& snapshot, const store::Folder& folder,
                                 const Dialect& dialect, FetchOutput& out) {
  if (flags_.empty()) return false;
  FetchWriter writer(dialect.condstore ? kFlagAndModSeqItems : kFlagItems, dialect.uid_only);
  const store::UidSet pending = std::exchange(flags_, {});
  std::size_t looked_at = 0;
  for (const store::UidRange range : pending.ranges()) {
    std::uint64_t next = range.first;
    const std::uint32_t last = std::min(range.last, last_uid());
    if (next <= last && looked_at < kSlice) {
      std::uint64_t reached = std::uint64_t{last} + 1;
      snapshot.for_each_message(folder_, {range.first, last}, [&](const store::Message& message) {
        const std::uint32_t sequence = sequence_of(message.uid.value);
        // Items of the index alone: nothing can fail.
        if (sequence != 0)
          static_cast<void>(writer.write(snapshot, folder, message, sequence,
                                         recent_.contains(message.uid.value), out));
        if (++looked_at < kSlice) return true;
        reached = std::uint64_t{message.uid.value} + 1;
        return false;
      });
      next = reached;
    }
    if (next <= last) flags_.add({static_cast<std::uint32_t>(next), last});
  }
  return !flags_.empty();
}

}  // namespace hauspost::imap
