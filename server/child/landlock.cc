#include "server/child/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace hauspost::child {

namespace {

// The rights as the kernel numbers them, also those that older headers do not name; the ABI that
// brought each stands behind the later ones.
constexpr std::uint64_t kExecuteRight = 1ULL << 0;
constexpr std::uint64_t kWriteFile = 1ULL << 1;
constexpr std::uint64_t kReadFile = 1ULL << 2;
constexpr std::uint64_t kReadFolder = 1ULL << 3;
constexpr std::uint64_t kRemoveFolder = 1ULL << 4;
constexpr std::uint64_t kRemoveFile = 1ULL << 5;
constexpr std::uint64_t kMakeCharacterDevice = 1ULL << 6;
constexpr std::uint64_t kMakeFolder = 1ULL << 7;
constexpr std::uint64_t kMakeFile = 1ULL << 8;
constexpr std::uint64_t kMakeSocket = 1ULL << 9;
constexpr std::uint64_t kMakePipe = 1ULL << 10;
constexpr std::uint64_t kMakeBlockDevice = 1ULL << 11;
constexpr std::uint64_t kMakeSymlink = 1ULL << 12;
constexpr std::uint64_t kRefer = 1ULL << 13;          // 2: rename and link between folders
constexpr std::uint64_t kTruncate = 1ULL << 14;       // 3
constexpr std::uint64_t kDeviceControl = 1ULL << 15;  // 5
constexpr int kReferSince = 2;
constexpr int kTruncateSince = 3;
constexpr int kTcpSince = 4;
constexpr int kDeviceControlSince = 5;
constexpr int kScopesSince = 6;

constexpr std::uint64_t kTcpBind = 1ULL << 0;
constexpr std::uint64_t kTcpConnect = 1ULL << 1;
constexpr std::uint64_t kScopeAbstractSockets = 1ULL << 0;
constexpr std::uint64_t kScopeSignals = 1ULL << 1;

constexpr std::uint64_t kNeverAllowed =
    kMakeCharacterDevice | kMakeSocket | kMakePipe | kMakeBlockDevice;
constexpr std::uint64_t kReadRights = kReadFile | kReadFolder;
constexpr std::uint64_t kEditRights = kReadRights | kWriteFile | kTruncate;
constexpr std::uint64_t kWriteRights =
    kEditRights | kRemoveFolder | kRemoveFile | kMakeFolder | kMakeFile | kMakeSymlink | kRefer;
// Those that mean something for a file; the kernel refuses a rule on a file with others.
constexpr std::uint64_t kOfFiles =
    kExecuteRight | kReadFile | kWriteFile | kTruncate | kDeviceControl;

// struct landlock_ruleset_attr as of ABI 6.
struct RulesetAttributes {
  std::uint64_t files = 0;
  std::uint64_t net = 0;
  std::uint64_t scopes = 0;
};

class Descriptor {
 public:
  explicit Descriptor(long fd) : fd_(static_cast<int>(fd)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::uint64_t known_rights(int version) {
  std::uint64_t rights = kWriteRights | kExecuteRight | kNeverAllowed;
  if (version < kReferSince) rights &= ~kRefer;
  if (version < kTruncateSince) rights &= ~kTruncate;
  if (version >= kDeviceControlSince) rights |= kDeviceControl;
  return rights;
}

std::uint64_t rights_of(Access access) {
  switch (access) {
    case Access::kRead: return kReadRights;
    case Access::kEdit: return kEditRights;
    case Access::kWrite: return kWriteRights;
    case Access::kExecute: return kReadRights | kExecuteRight;
  }
  return 0;
}

Result<> add_rule(int ruleset, const FileRule& rule, std::uint64_t known) {
  const Descriptor place(::open(rule.path.c_str(), O_PATH | O_CLOEXEC));
  if (place.get() < 0) return {};  // allows nothing
  struct stat status{};
  if (::fstat(place.get(), &status) != 0) return fail(errno_error(rule.path));
  std::uint64_t rights = rights_of(rule.access) & known;
  if (!S_ISDIR(status.st_mode)) rights &= kOfFiles;
  landlock_path_beneath_attr beneath{};
  beneath.allowed_access = rights;
  beneath.parent_fd = place.get();
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0)
    return fail(errno_error("Landlock rule for " + rule.path));
  return {};
}

}  // namespace

int landlock_version() {
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version < 0 ? 0 : static_cast<int>(version);
}

Result<> raise_landlock(const LandlockFence& fence) {
  const int version = landlock_version();
  if (version == 0) return fail(ErrorCode::kUnavailable, "this kernel has no Landlock");
  const std::uint64_t known = known_rights(version);
  RulesetAttributes attributes;
  attributes.files = fence.any_file ? kNeverAllowed | kExecuteRight : known;
  std::size_t size = sizeof attributes.files;
  if (version >= kTcpSince) {
    size += sizeof attributes.net;
    if (!fence.tcp) attributes.net = kTcpBind | kTcpConnect;
  }
  if (version >= kScopesSince) {
    size += sizeof attributes.scopes;
    attributes.scopes = kScopeAbstractSockets | kScopeSignals;
  }
  const Descriptor ruleset(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0));
  if (ruleset.get() < 0) return fail(errno_error("making a Landlock ruleset"));
  if (!fence.any_file) {
    for (const FileRule& rule : fence.files) TRY(add_rule(ruleset.get(), rule, known));
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0)
    return fail(errno_error("raising Landlock"));
  return {};
}

}  // namespace hauspost::child
