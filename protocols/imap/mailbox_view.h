// MailboxView: the selected mailbox as this client knows it: which UID has which sequence number,
// and what happened since that the client has not been told (RFC 3501 section 7.4.1, RFC 2180).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "protocols/imap/command.h"
#include "protocols/imap/dialect.h"
#include "protocols/imap/fetch_output.h"
#include "protocols/imap/fetch_writer.h"
#include "store/database.h"

namespace hauspost::imap {

// "(\Answered ... keywords)", as FLAGS shows it; PERMANENTFLAGS adds "\*".
std::string flags_in_use(const store::Folder& folder, bool with_star);

// "* VANISHED 405,407:410" CRLF; `word` as it stands there. Nothing for no UIDs, several lines for
// many.
void append_vanished(std::string_view word, const store::UidSet& uids, std::string& out);

// REQUIRES: used by one session on one thread.
class MailboxView {
 public:
  // How many messages one announce() looks at before it lets others run.
  static constexpr std::size_t kSlice = 500;

  // Listens from now on; open() then reads the folder. `signal` hears of news and outlives the
  // view.
  MailboxView(store::Database& database, store::FolderId folder, bool read_only, Guid session,
              Executor executor, Signal& signal);

  // Nobody is told of \Recent (RFC 9051), and FLAGS names the keywords that clients agree on.
  void speak_rev2();

  // Whose \Seen it shows, what they may do there, and whether it is in their own mailbox. As it
  // begins: the owner's, everything, yes.
  void look_as(const Guid& identity, store::RightBits rights, bool own);
  store::RightBits rights() const { return rights_; }
  bool is_own() const { return own_; }

  // The folder as this view begins. nullopt: it is gone.
  std::optional<store::Folder> open();

  store::FolderId folder() const { return folder_; }
  bool read_only() const { return read_only_; }
  // As FLAGS shows it; for PERMANENTFLAGS with "\*".
  std::string flags_text(const store::Folder& folder, bool with_star) const;
  // As PERMANENTFLAGS shows it: what may be changed.
  std::string permanent_flags(const store::Folder& folder) const;
  std::span<const std::uint32_t> uids() const { return uids_; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(uids_.size()); }
  std::uint32_t last_uid() const { return uids_.empty() ? 0 : uids_.back(); }
  const store::UidSet& recent() const { return recent_; }
  std::uint32_t recent_count() const;

  // The sequence number of a UID; 0 when the client does not know it.
  std::uint32_t sequence_of(std::uint32_t uid) const;
  // As UIDs of messages the client knows. Ranges may span UIDs that do not exist. nullopt: a
  // sequence number that no message has (BAD, RFC 9051 section 9 seq-number).
  std::optional<store::UidSet> resolve(const SequenceSet& set, bool uid) const;
  // What SEARCH RETURN (SAVE) found (RFC 5182); "$" names it.
  const store::UidSet& saved() const { return saved_; }
  void save(store::UidSet uids) { saved_ = std::move(uids); }
  // Those of `uids` that have these positions among the messages the client knows (RFC 9394).
  store::UidSet partial(const store::UidSet& uids, const PartialRange& range) const;
  // How many messages the client knows in `uids`.
  std::uint64_t count_known(const store::UidSet& uids) const;
  // Their sequence numbers.
  store::UidSet sequences_of(const store::UidSet& uids) const;

  // What our own commands did, so that the client hears of it with their answer.
  void note_expunged(const store::UidSet& uids) {
    note_expunged(uids, heard_);
    own_news_ = true;
  }
  void note_appended() { appended_ = own_news_ = true; }
  bool has_own_news() const { return own_news_; }
  void told_own_news() { own_news_ = false; }
  // Forgets which messages have other flags than the client knows: it does not want to hear of it.
  void drop_flags() { flags_ = {}; }
  // From now on announce() remembers, or not, which new messages others brought.
  void keep_fresh(bool keep) { keeps_fresh_ = keep; }
  store::UidSet take_fresh() { return std::exchange(fresh_, {}); }

  // Takes in what other sessions did. True when there is something to announce, expunges counted
  // only when they may be told.
  bool collect(bool with_expunges);
  // The folder was deleted under us.
  bool deleted() const { return deleted_; }
  // Appends untagged responses for what collect() and the notes gathered; expunges only when
  // `with_expunges`. True when there is more: flush, let others run and call again.
  bool announce(const store::Snapshot& snapshot, bool with_expunges, const Dialect& dialect,
                FetchOutput& out);
  // The mod-sequence up to which the client has been told everything, expunges too. Exact after
  // announce() has nothing more to say.
  store::ModSeq told() const { return expunged_.empty() ? heard_ : before_expunges_; }
  bool holds_expunges() const { return !expunged_.empty(); }
  // FLAGS and PERMANENTFLAGS when the folder has keywords that the client has not been told of.
  void announce_keywords(const store::Folder& folder, FetchOutput& out);

 private:
  void compare_whole(const store::Snapshot& snapshot);
  void note_expunged(const store::UidSet& uids, store::ModSeq before);
  void announce_expunges(bool vanished, FetchOutput& out);
  void announce_new(const store::Snapshot& snapshot, const store::Folder& folder, FetchOutput& out);
  bool announce_flags(const store::Snapshot& snapshot, const store::Folder& folder,
                      const Dialect& dialect, FetchOutput& out);

  store::Database& database_;
  store::FolderId folder_;
  bool read_only_;
  bool rev2_ = false;
  Guid session_;
  Guid identity_;
  store::RightBits rights_ = store::kAllRights;
  bool own_ = true;
  store::FolderWatch watch_;
  std::vector<std::uint32_t> uids_;  // rising; position + 1 is the sequence number
  store::UidSet recent_;
  store::UidSet saved_;
  std::size_t keywords_known_ = 0;

  // Not announced yet.
  store::UidSet flags_;
  store::UidSet expunged_;
  bool appended_ = false;
  bool own_news_ = false;  // some of what is not announced yet we did ourselves
  bool keeps_fresh_ = false;
  store::UidSet own_appended_;
  bool deleted_ = false;
  bool missed_events_ = false;
  store::UidSet fresh_;            // announced new messages, our own apart
  store::ModSeq heard_;            // of the last event taken in
  store::ModSeq before_expunges_;  // of the last event before the first of expunged_
};

}  // namespace hauspost::imap
