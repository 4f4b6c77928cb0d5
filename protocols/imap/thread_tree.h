// ThreadTree: the REFERENCES threading algorithm (RFC 5256 section 3), message by message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocols/imap/stepwise_sort.h"

namespace hauspost::imap {

// One message as threads are made of it.
struct ThreadMember {
  std::uint32_t number = 0;             // what the reply shows: UID or sequence number
  std::int64_t sent_s = 0;              // Unix time
  std::string subject;                  // base subject, casemapped; empty: none
  bool is_reply = false;                // or a forward: the subject says so
  std::string message_id;               // empty: none
  std::vector<std::string> references;  // oldest first
};

class ThreadTree {
 public:
  // Links that would lie deeper are not made: what one mailbox can cost has a bound.
  static constexpr std::size_t kDepthMax = 5'000;
  static constexpr std::size_t kReferencesMax = 200;  // of one message: its nearest ones

  // Step 1. In the order of sequence numbers.
  void add(const ThreadMember& member);
  // Steps 2 to 6, about this many messages a call. True: there is more to do. Behind the last
  // add().
  bool step(std::size_t messages);
  bool empty() const { return entries_.empty(); }
  // About what is kept in memory.
  std::size_t bytes() const { return bytes_; }
  // Links that add() followed so far: what it costs beyond its references.
  std::uint64_t links_followed() const { return links_followed_; }
  // Appends "(2)(3 6 (4 23)(44 7 96))" for further threads until `out` has grown by `bytes`. True:
  // there are more.
  bool write(std::string& out, std::size_t bytes);

 private:
  using Node = std::uint32_t;
  static constexpr Node kNone = UINT32_MAX;

  struct Entry {
    Node parent = kNone;
    Node first_child = kNone;  // from step 3 on
    Node next = kNone;         // sibling, from step 3 on
    std::uint32_t number = 0;  // 0: a dummy
    std::uint32_t subject = 0;
    std::uint32_t children = 0;  // until step 3
    std::int64_t sent_s = 0;
    bool is_reply = false;
  };

  bool is_dummy(Node node) const { return entries_[node].number == 0; }
  Node node_of(const std::string& message_id);
  Node add_node();
  void link(Node parent, Node child);
  void unlink(Node child);
  std::uint32_t intern_subject(const std::string& subject);

  enum class Phase : std::uint8_t {
    kResolve,
    kPlace,
    kSortRoots,
    kSortChildren,
    kSortRootsAgain,
    kDone,
  };
  struct Earlier {  // of the roots
    const ThreadTree* tree;
    bool operator()(std::uint32_t a, std::uint32_t b) const {
      return tree->earlier(tree->roots_[a], tree->roots_[b]);
    }
  };
  void resolve(Node node);
  void place(Node node);
  Node surviving_ancestor(Node node);
  bool sort_roots(std::size_t moves);
  void gather_subjects();
  // Returns whom the table names from now on.
  Node merge(Node into, Node node);
  void adopt(Node parent, Node child);
  bool earlier(Node a, Node b) const;
  void sort_children(Node node);
  Node stand_in(Node node) const;  // of a dummy its first child
  void write_thread(Node root, std::string& out) const;

  std::size_t bytes_ = 0;
  std::uint64_t links_followed_ = 0;
  std::vector<Entry> entries_;
  std::unordered_map<std::string, Node> by_id_;
  std::unordered_map<std::string, std::uint32_t> subjects_;
  std::vector<Node> roots_;
  Phase phase_ = Phase::kResolve;
  Node at_ = 0;
  std::vector<Node> survivors_;         // of dummies that were passed: what was found above them
  std::vector<Node> parents_;           // after pruning
  std::vector<std::uint32_t> adopted_;  // how many have this parent
  std::optional<StepwiseSort<Earlier>> sort_;
  std::size_t next_root_ = 0;
};

}  // namespace hauspost::imap
