#include "store/index_check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "base/bytes.h"

namespace hauspost::store {

namespace {

// LMDB 0.9, data version 1, on a 64 bit machine with little-endian numbers.
constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kFlagsAt = 10;
constexpr std::size_t kLowerAt = 12;
constexpr std::size_t kUpperAt = 14;
constexpr std::size_t kRunAt = 12;  // of an overflow page: how many pages
constexpr std::uint16_t kBranch = 1;
constexpr std::uint16_t kLeaf = 2;
constexpr std::uint16_t kOverflow = 4;
constexpr std::size_t kNodeBytes = 8;
constexpr std::uint16_t kBigData = 1;
constexpr std::uint16_t kSubTree = 2;
constexpr std::size_t kTreeBytes = 48;  // MDB_db
constexpr std::uint16_t kIntegerKeys = 8;
constexpr std::size_t kFreeTreeAt = 16 + 24;  // of a meta page
constexpr std::size_t kMainTreeAt = kFreeTreeAt + kTreeBytes;
constexpr std::size_t kLastPageAt = kMainTreeAt + kTreeBytes;
constexpr std::size_t kTransactionAt = kLastPageAt + 8;
constexpr std::uint64_t kNoPage = UINT64_MAX;
constexpr std::uint64_t kFirstPage = 2;  // behind the meta pages
constexpr unsigned kDepthMax = 30;       // below LMDB's own CURSOR_STACK
constexpr std::size_t kKeyMax = 511;
constexpr std::uint64_t kValueMax = 1ULL << 30;

using Page = std::array<char, kPageBytes>;

std::uint16_t u16(const char* at) { return load_le<std::uint16_t>(at); }
std::uint64_t u64(const char* at) { return load_le<std::uint64_t>(at); }

struct Tree {
  std::uint16_t flags = 0;
  std::uint16_t depth = 0;
  std::uint64_t branch_pages = 0, leaf_pages = 0, overflow_pages = 0, entries = 0, root = 0;

  explicit Tree(const char* at)
      : flags(u16(at + 4)),
        depth(u16(at + 6)),
        branch_pages(u64(at + 8)),
        leaf_pages(u64(at + 16)),
        overflow_pages(u64(at + 24)),
        entries(u64(at + 32)),
        root(u64(at + 40)) {}
};

enum class Use : std::uint8_t { kMain, kTable, kFree };

class Walker {
 public:
  explicit Walker(int descriptor) : descriptor_(descriptor) {}

  Result<> run(std::uint64_t file_pages) {
    Page first;
    Page second;
    TRY(read(0, first));
    TRY(read(1, second));
    const Page& newest =
        u64(second.data() + kTransactionAt) > u64(first.data() + kTransactionAt) ? second : first;
    const std::uint64_t last = u64(newest.data() + kLastPageAt);
    if (last < 1 || last >= file_pages) return damaged(0, "the file is shorter than it says");
    seen_.assign(last + 1, false);
    TRY(walk(Tree(newest.data() + kMainTreeAt), Use::kMain));
    const Tree free(newest.data() + kFreeTreeAt);
    if ((free.flags & kIntegerKeys) == 0) return damaged(0, "the free list has other flags");
    return walk(free, Use::kFree);
  }

 private:
  struct Counts {
    std::uint64_t branch = 0, leaf = 0, overflow = 0, entries = 0;
  };
  struct Node {
    std::string_view key;
    std::uint64_t page = 0;   // of a branch node
    std::uint32_t bytes = 0;  // of a leaf node's value
    std::uint16_t flags = 0;
    const char* value = nullptr;
  };

  static std::unexpected<Error> damaged(std::uint64_t page, std::string_view why) {
    return fail(ErrorCode::kCorrupt, fmt::format("page {} of the index: {}", page, why));
  }

  Result<> read(std::uint64_t number, Page& page) const {
    std::size_t have = 0;
    while (have < page.size()) {
      const ssize_t count = ::pread(descriptor_, page.data() + have, page.size() - have,
                                    static_cast<off_t>(number * kPageBytes + have));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail(errno_error(fmt::format("reading page {}", number)));
      if (count == 0) return damaged(number, "is behind the file's end");
      have += static_cast<std::size_t>(count);
    }
    return {};
  }

  // Each page has one owner.
  Result<> claim(std::uint64_t first, std::uint64_t count) {
    if (first < kFirstPage || first >= seen_.size() || count > seen_.size() - first)
      return damaged(first, "is not one of the file's");
    for (std::uint64_t page = first; page < first + count; ++page) {
      if (seen_[page]) return damaged(page, "is in two places");
      seen_[page] = true;
    }
    return {};
  }

  Result<> walk(const Tree& tree, Use use) {
    if (tree.root == kNoPage)
      return tree.depth == 0 && tree.entries == 0 ? Result<>() : damaged(0, "a tree without root");
    if (tree.depth == 0 || tree.depth > kDepthMax) return damaged(tree.root, "an impossible depth");
    if (use != Use::kFree && tree.flags != 0) return damaged(tree.root, "a tree of another kind");
    Counts counts;
    TRY(walk_page(tree.root, tree.depth, use, counts));
    if (counts.branch != tree.branch_pages || counts.leaf != tree.leaf_pages ||
        counts.overflow != tree.overflow_pages || counts.entries != tree.entries)
      return damaged(tree.root, "the tree below has other counts");
    return {};
  }

  // Recursion ends with `depth`, which is at most kDepthMax.
  Result<> walk_page(std::uint64_t number, unsigned depth, Use use, Counts& counts) {
    TRY(claim(number, 1));
    Page page;
    TRY(read(number, page));
    const bool branch = depth > 1;
    if (u64(page.data()) != number || u16(page.data() + kFlagsAt) != (branch ? kBranch : kLeaf))
      return damaged(number, "is not the page it should be");
    const std::size_t lower = u16(page.data() + kLowerAt);
    const std::size_t upper = u16(page.data() + kUpperAt);
    if (lower < kHeaderBytes || lower % 2 != 0 || lower > upper || upper > kPageBytes)
      return damaged(number, "has impossible bounds");
    const std::size_t nodes = (lower - kHeaderBytes) / 2;
    if (nodes < (branch && use != Use::kFree ? 2U : 1U)) return damaged(number, "is empty");
    ++(branch ? counts.branch : counts.leaf);
    std::string_view before;
    for (std::size_t i = 0; i < nodes; ++i) {
      TRY_ASSIGN(const Node node, node_at(page, number, upper, i, branch));
      // A branch's first key stands for everything below its second.
      if (!(branch && i == 0)) {
        TRY(check_key(number, node.key, before, i > (branch ? 1U : 0U), use));
        before = node.key;
      }
      TRY(branch ? walk_page(node.page, depth - 1, use, counts)
                 : check_value(number, node, use, counts));
    }
    return {};
  }

  static Result<Node> node_at(const Page& page, std::uint64_t number, std::size_t upper,
                              std::size_t index, bool branch) {
    const std::size_t at = u16(page.data() + kHeaderBytes + 2 * index);
    if (at < upper || at % 2 != 0 || at + kNodeBytes > kPageBytes)
      return damaged(number, "points outside itself");
    const char* const raw = page.data() + at;
    Node node;
    const std::uint32_t low = load_le<std::uint32_t>(raw);
    node.flags = u16(raw + 4);
    const std::size_t key_bytes = u16(raw + 6);
    std::size_t end = at + kNodeBytes + key_bytes;
    if (branch) {
      node.page = low | std::uint64_t{node.flags} << 32;
    } else {
      node.bytes = low;
      end += (node.flags & kBigData) != 0 ? sizeof(std::uint64_t) : std::size_t{low};
    }
    if (key_bytes > kKeyMax || end > kPageBytes) return damaged(number, "has an impossible row");
    node.key = {raw + kNodeBytes, key_bytes};
    node.value = raw + kNodeBytes + key_bytes;
    return node;
  }

  static Result<> check_key(std::uint64_t number, std::string_view key, std::string_view before,
                            bool compare, Use use) {
    if (use == Use::kFree) {
      if (key.size() != sizeof(std::uint64_t)) return damaged(number, "has a key of another kind");
      if (compare && u64(key.data()) <= u64(before.data()))
        return damaged(number, "is out of order");
      return {};
    }
    if (key.empty()) return damaged(number, "has an empty key");
    if (compare && key <= before) return damaged(number, "is out of order");
    return {};
  }

  Result<> check_value(std::uint64_t number, const Node& node, Use use, Counts& counts) {
    ++counts.entries;
    if (node.flags == kSubTree && use == Use::kMain) {
      if (node.bytes != kTreeBytes) return damaged(number, "has a table of another size");
      return walk(Tree(node.value), Use::kTable);
    }
    if ((node.flags & ~kBigData) != 0) return damaged(number, "has a row of another kind");
    std::string value;
    if (node.flags == kBigData) {
      TRY(check_run(u64(node.value), node.bytes, counts));
      if (use == Use::kFree) {
        TRY_ASSIGN(value, read_run(u64(node.value), node.bytes));
      }
    } else if (use == Use::kFree) {
      value.assign(node.value, node.bytes);
    }
    return use == Use::kFree ? check_free(number, value) : Result<>();
  }

  Result<> check_run(std::uint64_t first, std::uint32_t bytes, Counts& counts) {
    if (bytes > kValueMax) return damaged(first, "has an impossible length");
    const std::uint64_t pages = (kHeaderBytes + bytes + kPageBytes - 1) / kPageBytes;
    TRY(claim(first, pages));
    Page page;
    TRY(read(first, page));
    if (u64(page.data()) != first || u16(page.data() + kFlagsAt) != kOverflow ||
        load_le<std::uint32_t>(page.data() + kRunAt) != pages)
      return damaged(first, "is not the page it should be");
    counts.overflow += pages;
    return {};
  }

  Result<std::string> read_run(std::uint64_t first, std::uint32_t bytes) const {
    std::string value;
    for (std::uint64_t number = first; value.size() < kHeaderBytes + bytes; ++number) {
      Page page;
      TRY(read(number, page));
      value.append(page.data(), page.size());
    }
    return value.substr(kHeaderBytes, bytes);
  }

  // Pages that LMDB will write on next: none of them may hold anything.
  Result<> check_free(std::uint64_t number, std::string_view value) {
    const std::uint64_t count = value.size() < 8 ? 0 : u64(value.data());
    if (value.size() < 8 || count > value.size() / 8 - 1)
      return damaged(number, "has a free list cut short");
    std::uint64_t before = UINT64_MAX;
    for (std::uint64_t i = 1; i <= count; ++i) {
      const std::uint64_t page = u64(value.data() + 8 * i);
      if (page >= before) return damaged(number, "has a free list out of order");
      before = page;
      TRY(claim(page, 1));
    }
    return {};
  }

  const int descriptor_;
  std::vector<bool> seen_;
};

}  // namespace

Result<> check_index_pages(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail(errno_error("opening " + path));
  struct stat info;
  Result<> outcome = fail(ErrorCode::kInternal, "cannot be measured");
  if (::fstat(descriptor, &info) == 0)
    outcome = Walker(descriptor).run(static_cast<std::uint64_t>(info.st_size) / kPageBytes);
  ::close(descriptor);
  return outcome;
}

}  // namespace hauspost::store
