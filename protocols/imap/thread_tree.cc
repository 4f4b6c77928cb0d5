#include "protocols/imap/thread_tree.h"

#include <algorithm>

namespace hauspost::imap {
namespace {

// An entry, what the later steps keep beside it, and its place in a map.
constexpr std::size_t kNodeBytes = 128;

}  // namespace

ThreadTree::Node ThreadTree::add_node() {
  entries_.emplace_back();
  bytes_ += kNodeBytes;
  return static_cast<Node>(entries_.size() - 1);
}

ThreadTree::Node ThreadTree::node_of(const std::string& message_id) {
  const auto [found, is_new] = by_id_.try_emplace(message_id, kNone);
  if (is_new) {
    found->second = add_node();
    bytes_ += message_id.size();
  }
  return found->second;
}

std::uint32_t ThreadTree::intern_subject(const std::string& subject) {
  if (subject.empty()) return 0;
  const auto number = static_cast<std::uint32_t>(subjects_.size() + 1);
  const auto [found, is_new] = subjects_.try_emplace(subject, number);
  if (is_new) bytes_ += kNodeBytes + subject.size();
  return found->second;
}

void ThreadTree::unlink(Node child) {
  if (entries_[child].parent == kNone) return;
  --entries_[entries_[child].parent].children;
  entries_[child].parent = kNone;
}

// Not when it would close a loop. REQUIRES: the child has no parent.
void ThreadTree::link(Node parent, Node child) {
  if (parent == child) return;
  std::size_t depth = 0;
  // A message without children is nobody's ancestor; the others may lie above.
  if (entries_[child].children > 0) {
    for (Node above = parent; above != kNone; above = entries_[above].parent) {
      ++links_followed_;
      if (above == child || ++depth > kDepthMax) return;
    }
  }
  entries_[child].parent = parent;
  ++entries_[parent].children;
}

void ThreadTree::add(const ThreadMember& member) {
  // Step 1.A: a Message-ID belongs to the first that has it.
  Node self = member.message_id.empty() ? add_node() : node_of(member.message_id);
  if (!is_dummy(self)) self = add_node();
  entries_[self].number = member.number;
  entries_[self].sent_s = member.sent_s;
  entries_[self].is_reply = member.is_reply;
  entries_[self].subject = intern_subject(member.subject);
  Node before = kNone;
  const std::size_t skipped =
      member.references.size() - std::min(member.references.size(), kReferencesMax);
  for (std::size_t i = skipped; i < member.references.size(); ++i) {
    const Node reference = node_of(member.references[i]);
    if (before != kNone && entries_[reference].parent == kNone) link(before, reference);
    before = reference;
  }
  // Step 1.B.
  unlink(self);
  if (before != kNone) link(before, self);
}

// The nearest ancestor that is a message, or else the topmost dummy; kNone when there is neither.
// What was found is remembered for the dummies on the way, so that each is passed once.
ThreadTree::Node ThreadTree::surviving_ancestor(Node node) {
  std::vector<Node> passed;
  Node found = kNone;
  for (Node above = entries_[node].parent; above != kNone; above = entries_[above].parent) {
    if (!is_dummy(above)) {
      found = above;
      break;
    }
    if (survivors_[above] != kNone) {
      found = survivors_[above];
      break;
    }
    passed.push_back(above);
    if (entries_[above].parent == kNone) found = above;
  }
  for (const Node dummy : passed) survivors_[dummy] = found;
  return found;
}

// Steps 2 and 3: of the dummies only those stay that hold several threads together at the root.
void ThreadTree::resolve(Node node) {
  if (is_dummy(node)) return;
  parents_[node] = surviving_ancestor(node);
  if (parents_[node] != kNone) ++adopted_[parents_[node]];
}

void ThreadTree::place(Node node) {
  if (is_dummy(node)) {
    if (adopted_[node] > 1) roots_.push_back(node);
    return;
  }
  const Node parent = parents_[node];
  if (parent == kNone || (is_dummy(parent) && adopted_[parent] == 1)) {
    roots_.push_back(node);
  } else {
    adopt(parent, node);
  }
}

void ThreadTree::adopt(Node parent, Node child) {
  entries_[child].next = entries_[parent].first_child;
  entries_[parent].first_child = child;
}

ThreadTree::Node ThreadTree::stand_in(Node node) const {
  return is_dummy(node) ? entries_[node].first_child : node;
}

bool ThreadTree::earlier(Node a, Node b) const {
  const Entry& left = entries_[stand_in(a)];
  const Entry& right = entries_[stand_in(b)];
  return left.sent_s != right.sent_s ? left.sent_s < right.sent_s : left.number < right.number;
}

void ThreadTree::sort_children(Node node) {
  std::vector<Node> children;
  for (Node child = entries_[node].first_child; child != kNone; child = entries_[child].next)
    children.push_back(child);
  if (children.size() < 2) return;
  std::ranges::sort(children, [this](Node a, Node b) { return earlier(a, b); });
  entries_[node].first_child = kNone;
  for (auto child = children.rbegin(); child != children.rend(); ++child) adopt(node, *child);
}

// Step 5.C for one root and the one in the table.
ThreadTree::Node ThreadTree::merge(Node into, Node node) {
  if (is_dummy(into) && is_dummy(node)) {
    for (Node child = entries_[node].first_child; child != kNone;) {
      const Node next = entries_[child].next;
      adopt(into, child);
      child = next;
    }
    entries_[node].first_child = kNone;
    return into;
  }
  if (is_dummy(into) || (entries_[node].is_reply && !entries_[into].is_reply)) {
    adopt(into, node);
    return into;
  }
  const Node dummy = add_node();
  adopt(dummy, node);
  adopt(dummy, into);
  roots_.push_back(dummy);
  return dummy;
}

// Step 5.
void ThreadTree::gather_subjects() {
  const std::vector<Node> roots = roots_;
  // As they are now: merging gives dummies other first children.
  std::vector<std::uint32_t> subject_of;
  std::vector<Node> table(subjects_.size() + 1, kNone);
  for (const Node root : roots) {
    const std::uint32_t subject = entries_[stand_in(root)].subject;
    subject_of.push_back(subject);
    if (subject == 0) continue;
    Node& held = table[subject];
    const bool better = held != kNone && !is_dummy(held) &&
                        (is_dummy(root) || (entries_[held].is_reply && !entries_[root].is_reply));
    if (held == kNone || better) held = root;
  }
  std::vector<bool> gone(entries_.size() + roots.size(), false);
  for (std::size_t i = 0; i < roots.size(); ++i) {
    const std::uint32_t subject = subject_of[i];
    if (subject == 0 || table[subject] == roots[i] || gone[roots[i]]) continue;
    const Node held = table[subject];
    table[subject] = merge(held, roots[i]);
    gone[roots[i]] = true;
    gone[held] = table[subject] != held;
  }
  std::erase_if(roots_, [&](Node root) { return gone[root]; });
}

bool ThreadTree::sort_roots(std::size_t moves) {
  if (!sort_) sort_.emplace(roots_.size(), Earlier{this});
  if (sort_->step(moves)) return true;
  std::vector<Node> sorted;
  sorted.reserve(roots_.size());
  for (const std::uint32_t root : sort_->order()) sorted.push_back(roots_[root]);
  roots_ = std::move(sorted);
  sort_.reset();
  return false;
}

bool ThreadTree::step(std::size_t messages) {
  const auto size = static_cast<Node>(entries_.size());
  const Node end = static_cast<Node>(std::min<std::size_t>(at_ + messages, size));
  switch (phase_) {
    case Phase::kResolve:
      if (at_ == 0) {
        by_id_ = {};
        survivors_.assign(size, kNone);
        parents_.assign(size, kNone);
        adopted_.assign(size, 0);
      }
      for (; at_ < end; ++at_) resolve(at_);
      if (at_ < size) return true;
      break;
    case Phase::kPlace:
      // From the back, so that siblings stand in order.
      for (; at_ < end; ++at_) place(size - 1 - at_);
      if (at_ < size) return true;
      for (const Node root : roots_) {
        if (is_dummy(root)) sort_children(root);
      }
      break;
    case Phase::kSortRoots:
      if (sort_roots(messages)) return true;
      gather_subjects();
      break;
    case Phase::kSortChildren:
      for (; at_ < end; ++at_) sort_children(at_);
      if (at_ < size) return true;
      break;
    case Phase::kSortRootsAgain:
      if (sort_roots(messages)) return true;
      break;
    case Phase::kDone: return false;
  }
  at_ = 0;
  phase_ = static_cast<Phase>(static_cast<std::uint8_t>(phase_) + 1);
  return phase_ != Phase::kDone;
}

void ThreadTree::write_thread(Node root, std::string& out) const {
  constexpr Node kClose = kNone;
  std::vector<Node> open = {root};
  while (!open.empty()) {
    Node node = open.back();
    open.pop_back();
    if (node == kClose) {
      out += ')';
      continue;
    }
    out += '(';
    open.push_back(kClose);
    bool first = true;
    for (;;) {
      if (!is_dummy(node)) {
        if (!first) out += ' ';
        out += std::to_string(entries_[node].number);
        first = false;
      }
      const Node child = entries_[node].first_child;
      if (child == kNone) break;
      if (entries_[child].next == kNone) {
        node = child;
        continue;
      }
      if (!first) out += ' ';
      const std::size_t begin = open.size();
      for (Node each = child; each != kNone; each = entries_[each].next) open.push_back(each);
      std::reverse(open.begin() + static_cast<std::ptrdiff_t>(begin), open.end());
      break;
    }
  }
}

bool ThreadTree::write(std::string& out, std::size_t bytes) {
  const std::size_t begin = out.size();
  while (next_root_ < roots_.size() && out.size() - begin < bytes)
    write_thread(roots_[next_root_++], out);
  return next_root_ < roots_.size();
}

}  // namespace hauspost::imap
