#include "server/child/confine.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <span>

#include "base/log.h"

namespace hauspost::child {

namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define HAUSPOST_SANITIZED 1
#endif
#endif
#ifdef HAUSPOST_SANITIZED
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// A path of the table; the first letters stand for a folder or file of the settings.
struct Place {
  enum class From : std::uint8_t { kRoot, kData, kRun, kDirectory };
  From from = From::kRoot;
  std::string_view path;
  Access access = Access::kRead;
};
using From = Place::From;

constexpr Place kOfEverybody[] = {
    {From::kDirectory, "", Access::kRead},       // the organisation's data ...
    {From::kDirectory, "-lock", Access::kEdit},  // ... whose readers enter themselves
    {From::kRun, "", Access::kRead},
    // The whole: what is below one process is made anew now and then, and a rule is for what was.
    {From::kRoot, "/proc", Access::kRead},
    {From::kRoot, "/sys/devices/system/cpu", Access::kRead},
    {From::kRoot, "/dev/null", Access::kEdit},
    {From::kRoot, "/dev/urandom", Access::kRead},
    {From::kRoot, "/etc/localtime", Access::kRead},
    {From::kRoot, "/usr/share/zoneinfo", Access::kRead},
};
// Folders, as their files are replaced by new ones: resolv.conf, authorities. The libraries are
// those that the resolver of libc loads late.
constexpr Place kResolverAndAuthorities[] = {
    {From::kRoot, "/etc", Access::kRead},
    {From::kRoot, "/run/systemd/resolve", Access::kRead},
    {From::kRoot, "/run/resolvconf", Access::kRead},
    {From::kRoot, "/run/NetworkManager", Access::kRead},
    {From::kRoot, "/usr/share/ca-certificates", Access::kRead},
    {From::kRoot, "/usr/local/share/ca-certificates", Access::kRead},
    {From::kRoot, "/usr/share/publicsuffix", Access::kRead},
    {From::kRoot, "/usr/lib", Access::kRead},
    {From::kRoot, "/lib", Access::kRead},
};
constexpr Place kAuth[] = {{From::kData, "/auth", Access::kWrite}};
constexpr Place kAuthWithHelpers[] = {{From::kRoot, "/", Access::kExecute},
                                      {From::kRoot, "/dev", Access::kEdit}};
constexpr Place kTransport[] = {
    {From::kData, "/queue", Access::kWrite},
    {From::kData, "/logs", Access::kWrite},
    {From::kData, "/filters", Access::kWrite},
    {From::kData, "/mta-sts", Access::kWrite},
    {From::kData, "/tls-reports", Access::kWrite},
    {From::kData, "/dmarc-reports", Access::kWrite},
    {From::kData, "/secrets/transport", Access::kRead},
};

// One line a role. `any_file`: a store worker's jobs (back up, restore, move, import, export) go to
// folders that an administrator names while it runs, and a fence cannot be widened: there its
// user's rights alone decide, and the fence only keeps it from running programs.
struct Line {
  Role role;
  bool internet = false;  // connections out
  bool any_file = false;
  bool resolver = false;  // kResolverAndAuthorities
  bool helpers = false;   // it always has helper programs: those that fetch policies by HTTPS
  std::span<const Place> own = {};
};
constexpr Line kLines[] = {
    {.role = Role::kAuth, .own = kAuth},
    {.role = Role::kFrontend},
    {.role = Role::kTransport,
     .internet = true,
     .resolver = true,
     .helpers = true,
     .own = kTransport},
    {.role = Role::kStore, .any_file = true},
    {.role = Role::kWeb},
    {.role = Role::kHealth, .internet = true},
    {.role = Role::kAcme, .internet = true, .resolver = true},
};

const Line& line_of(Role role) { return kLines[static_cast<std::size_t>(role)]; }

constexpr bool in_order() {
  for (std::size_t i = 0; i < kRoleCount; ++i) {
    if (kLines[i].role != static_cast<Role>(i)) return false;
  }
  return std::size(kLines) == kRoleCount;
}
static_assert(in_order());

std::string path_of(const Place& place, const Settings& settings) {
  const std::string rest(place.path);
  switch (place.from) {
    case From::kRoot: return rest;
    case From::kData: return settings.data_root + rest;
    case From::kRun: return settings.run_dir + rest;
    case From::kDirectory: return settings.directory_path + rest;
  }
  return {};
}

void add(std::span<const Place> places, const Settings& settings, std::vector<FileRule>& out) {
  for (const Place& place : places) out.push_back({path_of(place, settings), place.access});
}

// What is missing in the kernel is said once; the rest is an error.
Result<bool> stands(const Result<>& raised, std::string_view event) {
  if (raised) return true;
  if (raised.error().code != ErrorCode::kUnavailable) return fail(raised.error());
  log::warning(event, {{"cause", raised.error()}});
  return false;
}

}  // namespace

LandlockFence landlock_fence(const Settings& settings) {
  const Line& line = line_of(settings.role);
  LandlockFence fence;
  fence.any_file = line.any_file;
  const bool helpers = line.helpers || settings.auth_helpers;
  fence.tcp = line.internet || helpers;
  if (line.any_file) return fence;
  add(kOfEverybody, settings, fence.files);
  add(line.own, settings, fence.files);
  if (line.resolver) add(kResolverAndAuthorities, settings, fence.files);
  if (helpers) add(kAuthWithHelpers, settings, fence.files);
  // The folder, for the file may be replaced by a new one of its name.
  for (const std::string& file : settings.further_reads)
    fence.files.push_back({file.substr(0, file.rfind('/') + 1), Access::kRead});
  return fence;
}

SyscallFence syscall_fence(const Settings& settings) {
  const Line& line = line_of(settings.role);
  return {.internet = line.internet, .programs = line.helpers || settings.auth_helpers};
}

Result<> confine(const Settings& settings) {
  if (!settings.confined || kSanitized) {
    log::warning("confine.off", {{"cause", kSanitized ? "sanitizers" : "hauspost.toml"}});
    return {};
  }
  const int version = landlock_version();  // once fenced in, nobody is told any more
  TRY_ASSIGN(const bool files,
             stands(raise_landlock(landlock_fence(settings)), "confine.no_landlock"));
  TRY_ASSIGN(const bool calls,
             stands(raise_syscall_fence(syscall_fence(settings)), "confine.no_seccomp"));
  log::info("confined",
            {{"uid", ::geteuid()}, {"landlock", files ? version : 0}, {"seccomp", calls}});
  return {};
}

}  // namespace hauspost::child
