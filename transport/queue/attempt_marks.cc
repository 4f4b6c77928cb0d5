#include "transport/queue/attempt_marks.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <utility>

namespace hauspost::transport {

namespace {

constexpr std::uint32_t kMagic = 0x314d5051;  // "QPM1"
constexpr std::size_t kSlots = 1024;          // attempts at once that are marked; others are not
constexpr std::size_t kRows = 1024;           // suspects that are remembered

constexpr int kFaults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
// What the handler writes to: it can be given nothing else.
std::atomic<std::uint32_t*> fault_mark = nullptr;
struct sigaction handlers_before[std::size(kFaults)];

// Leaves the mark and lets the signal do what it would have done.
extern "C" void note_fault(int signal, siginfo_t*, void*) {
  if (std::uint32_t* mark = fault_mark.load()) *mark = 1;
  for (std::size_t i = 0; i < std::size(kFaults); ++i) {
    if (kFaults[i] == signal) ::sigaction(signal, &handlers_before[i], nullptr);
  }
  ::raise(signal);
}

}  // namespace

struct AttemptMarks::Page {
  struct Row {
    std::uint32_t folder;
    std::uint32_t uid;
    std::uint32_t faults;
    std::uint32_t kills;
  };
  std::uint32_t magic;
  std::uint32_t died_of_fault;
  MarkedItem slots[kSlots];  // folder 0: free
  Row rows[kRows];           // the same
};

Result<AttemptMarks> AttemptMarks::open(const std::string& path) {
  constexpr mode_t kMode = 0600;
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode);
  if (fd < 0) return fail(errno_error(path));
  struct stat facts{};
  const bool sized =
      ::fstat(fd, &facts) == 0 && (facts.st_size == static_cast<off_t>(sizeof(Page)) ||
                                   (::ftruncate(fd, 0) == 0 && ::ftruncate(fd, sizeof(Page)) == 0));
  // The blocks must be there: a full disk would be a SIGBUS later.
  const int allocated = sized ? ::posix_fallocate(fd, 0, sizeof(Page)) : errno;
  void* memory = allocated == 0
                     ? ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                     : MAP_FAILED;
  const int cause = allocated != 0 ? allocated : errno;
  ::close(fd);
  if (memory == MAP_FAILED) return fail(errno_error(path, cause));
  AttemptMarks marks(static_cast<Page*>(memory));
  if (marks.page_->magic != kMagic) *marks.page_ = Page{.magic = kMagic};
  marks.count_last_death();
  return marks;
}

AttemptMarks::AttemptMarks(AttemptMarks&& other) noexcept
    : page_(std::exchange(other.page_, nullptr)),
      counts_(std::move(other.counts_)),
      slots_(std::move(other.slots_)),
      free_(std::move(other.free_)) {}

AttemptMarks::~AttemptMarks() {
  if (!page_) return;
  if (fault_mark.load() == &page_->died_of_fault) {
    fault_mark = nullptr;
    for (std::size_t i = 0; i < std::size(kFaults); ++i)
      ::sigaction(kFaults[i], &handlers_before[i], nullptr);
  }
  ::munmap(page_, sizeof(Page));
}

void AttemptMarks::count_last_death() {
  for (const Page::Row& row : page_->rows) {
    if (row.folder != 0) counts_[{row.folder, row.uid}] = {row.faults, row.kills};
  }
  for (MarkedItem& slot : page_->slots) {
    if (slot.folder == 0) continue;
    Count& count = counts_[slot];
    ++(page_->died_of_fault ? count.faults : count.kills);
    slot = {};
  }
  page_->died_of_fault = 0;
  for (std::size_t i = kSlots; i > 0; --i) free_.push_back(i - 1);
  write_counts();
}

// More suspects than there is room for: those beyond are innocent until the next death.
void AttemptMarks::write_counts() {
  std::size_t at = 0;
  for (const auto& [item, count] : counts_) {
    if (at == kRows) break;
    page_->rows[at++] = {item.folder, item.uid, count.faults, count.kills};
  }
  for (; at < kRows; ++at) page_->rows[at] = {};
}

std::vector<MarkedItem> AttemptMarks::poisonous() const {
  std::vector<MarkedItem> items;
  for (const auto& [item, count] : counts_) {
    if (count.faults >= kFaultsMax || count.kills >= kKillsMax) items.push_back(item);
  }
  return items;
}

void AttemptMarks::begin(MarkedItem item) {
  if (free_.empty()) return;
  const std::size_t slot = free_.back();
  free_.pop_back();
  slots_[item] = slot;
  page_->slots[slot] = item;
}

void AttemptMarks::end(MarkedItem item) {
  const auto found = slots_.find(item);
  if (found != slots_.end()) {
    page_->slots[found->second] = {};
    free_.push_back(found->second);
    slots_.erase(found);
  }
  if (!counts_.empty()) forget(item);
}

void AttemptMarks::forget(MarkedItem item) {
  if (counts_.erase(item) > 0) write_counts();
}

void AttemptMarks::watch_for_faults() {
  fault_mark = &page_->died_of_fault;
  struct sigaction action{};
  action.sa_sigaction = note_fault;
  action.sa_flags = SA_SIGINFO;
  for (std::size_t i = 0; i < std::size(kFaults); ++i)
    ::sigaction(kFaults[i], &action, &handlers_before[i]);
}

}  // namespace hauspost::transport
