// SearchEvaluator: one SEARCH over a folder as the session sees it, in slices between which the
// session may let others run (RFC 3501 section 6.4.4; WITHIN: RFC 5032; MODSEQ: RFC 7162).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "protocols/imap/command.h"
#include "store/search/answer.h"
#include "store/snapshot.h"
#include "store/uid_set.h"

namespace hauspost::imap {

struct SearchHit {
  std::uint32_t sequence = 0;
  store::Uid uid;
  store::ModSeq modseq;
};

class SearchEvaluator {
 public:
  static constexpr std::uint64_t kReadBytesMax = 1 << 20;
  // How the session sees the folder. REQUIRES: `uids` (rising; the sequence number is the position
  // plus one) and `recent` stay as they are until the last step.
  struct View {
    store::Folder folder;
    std::span<const std::uint32_t> uids;
    const store::UidSet* recent = nullptr;  // UIDs this session shows as \Recent; null: none
    std::int64_t now_s = 0;                 // for OLDER and YOUNGER
    // What the search index holds; null: every message is read that must be.
    std::shared_ptr<const store::SearchRuns> runs;
    // Messages of fewer bytes in all are read: that is faster than asking the index.
    std::uint64_t read_bytes_max = kReadBytesMax;
    // No more messages are looked at, the latest of those that may match; 0: all are.
    std::uint64_t messages_max = 0;
  };
  SearchEvaluator(const SearchKey& key, View view);
  ~SearchEvaluator();
  SearchEvaluator(SearchEvaluator&&) noexcept;
  SearchEvaluator& operator=(SearchEvaluator&&) noexcept;

  // Asks the index, about this many bytes of it a call; false when it has said all it can. Before
  // the first step().
  static constexpr std::size_t kLookUpBytes = 4 << 20;
  bool look_up();

  // Bytes of bodies after which a slice ends early.
  static constexpr std::size_t kSliceBytesMax = 1 << 20;

  // Looks at up to `messages` further messages, fewer when bodies had to be searched. True when
  // there is more to do. Each step may use a newer snapshot; messages gone meanwhile do not match.
  bool step(const store::Snapshot& snapshot, std::size_t messages);

  // What matched so far, sequence numbers rising.
  std::span<const SearchHit> hits() const;
  // The lowest UID looked at, when `messages_max` kept others from it.
  std::optional<store::Uid> cut_at() const;
  // Messages whose body could not be read: they do not match keys that need it.
  std::size_t unreadable() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hauspost::imap
