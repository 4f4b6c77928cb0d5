// THREAD and UID THREAD (RFC 5256).
#include <fmt/format.h>

#include "protocols/imap/base_subject.h"
#include "protocols/imap/command_table.h"
#include "protocols/imap/hit_walk.h"
#include "protocols/imap/message_ids.h"
#include "protocols/imap/message_limit.h"
#include "protocols/imap/search_run.h"
#include "protocols/imap/sort_table.h"
#include "protocols/imap/stepwise_sort.h"
#include "protocols/imap/thread_tree.h"

namespace hauspost::imap {
namespace {

constexpr std::size_t kSliceMoves = 5'000;
constexpr std::uint64_t kSliceLinks = 200'000;

std::uint32_t number_of(const SearchHit& hit, bool uid) {
  return uid ? hit.uid.value : hit.sequence;
}

ThreadMember member_of(const HitMessage& hit) {
  ThreadMember member;
  const BaseSubject subject = base_subject(decoded_subject(hit.envelope));
  member.sent_s = sent_date(hit.envelope, hit.message);
  member.subject = comparable(subject.text);
  member.is_reply = subject.is_reply_or_forward;
  std::vector<std::string> own = message_ids(hit.envelope.message_id.value_or(""), 1);
  if (!own.empty()) member.message_id = std::move(own.front());
  // More than any mailer writes; the tree takes the last of them.
  member.references = message_ids(hit.references, 10 * ThreadTree::kReferencesMax);
  if (member.references.empty())
    member.references = message_ids(hit.envelope.in_reply_to.value_or(""), 1);
  return member;
}

// False: there is more to keep in mind than there is room for, and nothing was written.
Task<Result<bool>> write_by_references(Session& session, bool uid,
                                       std::span<const SearchHit> hits) {
  const std::size_t bytes_max = session.limits().thread_bytes_max;
  ThreadTree tree;
  std::size_t next = 0;          // of the hits
  std::uint64_t slice_ends = 0;  // at this many links followed
  const auto add = [&](const HitMessage& hit) {
    ThreadMember member = member_of(hit);
    while (hits[next].uid != hit.message.uid) ++next;
    member.number = number_of(hits[next], uid);
    tree.add(member);
    return tree.bytes() <= bytes_max && tree.links_followed() < slice_ends;
  };
  HitWalk walk(hits, HitParts::kEnvelopeAndReferences, add);
  for (bool more = true; more;) {
    slice_ends = tree.links_followed() + kSliceLinks;
    more = walk.step(session.snapshot(), session.view().folder());
    if (tree.bytes() > bytes_max) co_return false;
    if (more) CO_TRY(co_await session.breathe(walk.done(), hits.size()));
  }
  while (tree.step(kSliceMoves)) CO_TRY(co_await session.breathe(hits.size(), hits.size()));
  std::string& out = session.out().text();
  out += tree.empty() ? "* THREAD" : "* THREAD ";
  while (tree.write(out, ReplyWriter::kFlushBytes)) CO_TRY(co_await session.let_others_run());
  co_return true;
}

// ORDEREDSUBJECT: what has one base subject is one thread, its first message the parent of all the
// others.
class SubjectThreads {
 public:
  void add(std::uint32_t number, const HitMessage& hit) {
    members_.push_back({number, sent_date(hit.envelope, hit.message),
                        comparable(base_subject(decoded_subject(hit.envelope)).text)});
    bytes_ += kMemberBytes + members_.back().subject.size();
  }
  // About what is kept in memory.
  std::size_t bytes() const { return bytes_; }
  std::size_t size() const { return members_.size(); }
  bool less(std::uint32_t a, std::uint32_t b) const {
    const int order = members_[a].subject.compare(members_[b].subject);
    return order != 0 ? order < 0 : members_[a].sent_s < members_[b].sent_s;
  }
  // Cuts what is in order into threads.
  void cut(std::span<const std::uint32_t> order) {
    order_.assign(order.begin(), order.end());
    for (std::size_t i = 0; i < order_.size(); ++i) {
      if (i == 0 || members_[order_[i]].subject != members_[order_[i - 1]].subject)
        begins_.push_back(i);
    }
  }
  std::size_t threads() const { return begins_.size(); }
  bool thread_less(std::uint32_t a, std::uint32_t b) const {
    const Member& left = members_[order_[begins_[a]]];
    const Member& right = members_[order_[begins_[b]]];
    return left.sent_s != right.sent_s ? left.sent_s < right.sent_s : left.number < right.number;
  }
  void write(std::uint32_t thread, std::string& out) const {
    const std::size_t begin = begins_[thread];
    const std::size_t end = thread + 1 < begins_.size() ? begins_[thread + 1] : order_.size();
    const auto number = [this](std::size_t at) { return members_[order_[at]].number; };
    out += fmt::format("({}", number(begin));
    if (end - begin == 2) {
      out += fmt::format(" {}", number(begin + 1));
    } else if (end - begin > 2) {
      out += ' ';
      for (std::size_t at = begin + 1; at < end; ++at) out += fmt::format("({})", number(at));
    }
    out += ')';
  }

 private:
  struct Member {
    std::uint32_t number = 0;
    std::int64_t sent_s = 0;
    std::string subject;
  };
  // Itself and its places in what is sorted.
  static constexpr std::size_t kMemberBytes = sizeof(Member) + 32;

  std::size_t bytes_ = 0;
  std::vector<Member> members_;
  std::vector<std::uint32_t> order_;
  std::vector<std::size_t> begins_;  // of threads in order_
};

// As above.
Task<Result<bool>> write_by_subject(Session& session, bool uid, std::span<const SearchHit> hits) {
  const std::size_t bytes_max = session.limits().thread_bytes_max;
  SubjectThreads threads;
  std::size_t next = 0;  // of the hits
  const auto add = [&](const HitMessage& hit) {
    while (hits[next].uid != hit.message.uid) ++next;
    threads.add(number_of(hits[next], uid), hit);
    return threads.bytes() <= bytes_max;
  };
  HitWalk walk(hits, HitParts::kEnvelope, add);
  for (bool more = true; more;) {
    more = walk.step(session.snapshot(), session.view().folder());
    if (threads.bytes() > bytes_max) co_return false;
    if (more) CO_TRY(co_await session.breathe(walk.done(), hits.size()));
  }
  const auto less = [&](std::uint32_t a, std::uint32_t b) { return threads.less(a, b); };
  StepwiseSort by_subject(threads.size(), less);
  while (by_subject.step(kSliceMoves)) CO_TRY(co_await session.breathe(hits.size(), hits.size()));
  threads.cut(by_subject.order());
  const auto earlier = [&](std::uint32_t a, std::uint32_t b) { return threads.thread_less(a, b); };
  StepwiseSort by_date(threads.threads(), earlier);
  while (by_date.step(kSliceMoves)) CO_TRY(co_await session.breathe(hits.size(), hits.size()));
  std::string& out = session.out().text();
  out += threads.threads() == 0 ? "* THREAD" : "* THREAD ";
  for (const std::uint32_t thread : by_date.order()) {
    threads.write(thread, out);
    if (session.out().full()) CO_TRY(co_await session.let_others_run());
  }
  co_return true;
}

Task<Result<bool>> write_threads(Session& session, const ThreadRequest& request,
                                 std::span<const SearchHit> hits) {
  if (request.algorithm == ThreadAlgorithm::kReferences)
    return write_by_references(session, request.search.uid, hits);
  return write_by_subject(session, request.search.uid, hits);
}

}  // namespace

Task<Result<Reply>> cmd_thread(Session& session, Command& command) {
  auto& request = std::get<ThreadRequest>(command.arguments);
  if (auto refusal = search_refusal(session, request.search)) co_return *std::move(refusal);
  if (request.search.names_modseq) session.enable_condstore();
  CO_TRY_ASSIGN(const SearchFound found, co_await run_search(session, request.search.key));
  if (found.cut_at) co_return over_limit(session, {}, "Too many messages to thread");
  CO_TRY_ASSIGN(const bool written, co_await write_threads(session, request, found.hits));
  if (!written) co_return no("LIMIT", "Too much to thread at once");
  session.out().text() += "\r\n";
  if (found.unreadable > 0) co_return no("CORRUPTION", "Some messages cannot be read");
  co_return Reply{};
}

}  // namespace hauspost::imap
