#include "server/child/syscall_filter.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <span>
#include <string>

namespace hauspost::child {

namespace {

constexpr const char* kProcess[] = {"arch_prctl",
                                    "exit",
                                    "exit_group",
                                    "getcwd",
                                    "getegid",
                                    "geteuid",
                                    "getgid",
                                    "getgroups",
                                    "getpgrp",
                                    "getpid",
                                    "getppid",
                                    "getpriority",
                                    "getresgid",
                                    "getresuid",
                                    "getrlimit",
                                    "getrusage",
                                    "getsid",
                                    "gettid",
                                    "getuid",
                                    "ioprio_get",
                                    "ioprio_set",
                                    "prlimit64",
                                    "restart_syscall",
                                    "rseq",
                                    "sched_get_priority_max",
                                    "sched_get_priority_min",
                                    "sched_getaffinity",
                                    "sched_getparam",
                                    "sched_getscheduler",
                                    "sched_setaffinity",
                                    "sched_setscheduler",
                                    "sched_yield",
                                    "set_robust_list",
                                    "get_robust_list",
                                    "set_tid_address",
                                    "setpriority",
                                    "sysinfo",
                                    "tgkill",
                                    "times",
                                    "umask",
                                    "uname",
                                    "capget",
                                    "getcpu",
                                    "setrlimit"};
constexpr const char* kMemory[] = {"brk",    "madvise", "membarrier", "mincore", "mlock",
                                   "mlock2", "mremap",  "msync",      "munlock", "munmap"};
constexpr const char* kTimeAndSignals[] = {
    "clock_getres",   "clock_gettime", "clock_nanosleep", "futex",
    "futex_waitv",    "gettimeofday",  "nanosleep",       "pause",
    "rt_sigaction",   "rt_sigpending", "rt_sigprocmask",  "rt_sigqueueinfo",
    "rt_sigreturn",   "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo",
    "sigaltstack",    "time",          "timer_create",    "timer_delete",
    "timer_gettime",  "timer_settime", "timerfd_create",  "timerfd_gettime",
    "timerfd_settime"};
constexpr const char* kDescriptors[] = {
    "close",         "close_range", "dup",         "dup2",         "dup3",       "epoll_create",
    "epoll_create1", "epoll_ctl",   "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd",
    "eventfd2",      "fcntl",       "flock",       "ioctl",        "pipe",       "pipe2",
    "poll",          "ppoll",       "pselect6",    "read",         "readv",      "select",
    "write",         "writev"};
constexpr const char* kFiles[] = {"access",
                                  "chmod",
                                  "copy_file_range",
                                  "creat",
                                  "faccessat",
                                  "faccessat2",
                                  "fadvise64",
                                  "fallocate",
                                  "fchmod",
                                  "fchmodat",
                                  "fdatasync",
                                  "fgetxattr",
                                  "fstat",
                                  "fstatfs",
                                  "fsync",
                                  "ftruncate",
                                  "getdents",
                                  "getdents64",
                                  "getrandom",
                                  "getxattr",
                                  "inotify_add_watch",
                                  "inotify_init1",
                                  "inotify_rm_watch",
                                  "lgetxattr",
                                  "link",
                                  "linkat",
                                  "lseek",
                                  "lstat",
                                  "mkdir",
                                  "mkdirat",
                                  "newfstatat",
                                  "open",
                                  "openat",
                                  "openat2",
                                  "pread64",
                                  "preadv",
                                  "preadv2",
                                  "pwrite64",
                                  "pwritev",
                                  "pwritev2",
                                  "readahead",
                                  "readlink",
                                  "readlinkat",
                                  "rename",
                                  "renameat",
                                  "renameat2",
                                  "rmdir",
                                  "sendfile",
                                  "splice",
                                  "stat",
                                  "statfs",
                                  "statx",
                                  "symlink",
                                  "symlinkat",
                                  "sync",
                                  "sync_file_range",
                                  "syncfs",
                                  "tee",
                                  "truncate",
                                  "unlink",
                                  "unlinkat",
                                  "utime",
                                  "utimensat",
                                  "utimes"};
// Nobody listens: listening sockets come from the supervisor.
constexpr const char* kSockets[] = {"accept",      "accept4",    "connect",   "getpeername",
                                    "getsockname", "getsockopt", "recvfrom",  "recvmmsg",
                                    "recvmsg",     "sendmmsg",   "sendmsg",   "sendto",
                                    "setsockopt",  "shutdown",   "socketpair"};
constexpr const char* kInternet[] = {"bind"};

constexpr const char* kRunsPrograms[] = {
    "execve",   "execveat",  "fork",      "vfork",     "setuid",   "setgid",   "setreuid",
    "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid", "capset"};
constexpr const char* kIntruders[] = {"acct",
                                      "add_key",
                                      "adjtimex",
                                      "bpf",
                                      "chroot",
                                      "clock_adjtime",
                                      "clock_settime",
                                      "create_module",
                                      "delete_module",
                                      "finit_module",
                                      "fsconfig",
                                      "fsmount",
                                      "fsopen",
                                      "fspick",
                                      "init_module",
                                      "io_uring_enter",
                                      "io_uring_register",
                                      "io_uring_setup",
                                      "ioperm",
                                      "iopl",
                                      "kcmp",
                                      "kexec_file_load",
                                      "kexec_load",
                                      "keyctl",
                                      "lookup_dcookie",
                                      "migrate_pages",
                                      "mknod",
                                      "mknodat",
                                      "modify_ldt",
                                      "mount",
                                      "mount_setattr",
                                      "move_mount",
                                      "move_pages",
                                      "name_to_handle_at",
                                      "nfsservctl",
                                      "open_by_handle_at",
                                      "open_tree",
                                      "perf_event_open",
                                      "personality",
                                      "pidfd_getfd",
                                      "pivot_root",
                                      "process_madvise",
                                      "process_vm_readv",
                                      "process_vm_writev",
                                      "ptrace",
                                      "quotactl",
                                      "quotactl_fd",
                                      "reboot",
                                      "request_key",
                                      "setdomainname",
                                      "sethostname",
                                      "setns",
                                      "settimeofday",
                                      "stime",
                                      "swapoff",
                                      "swapon",
                                      "syslog",
                                      "umount",
                                      "umount2",
                                      "unshare",
                                      "uselib",
                                      "userfaultfd",
                                      "vhangup",
                                      "vmsplice"};

constexpr int kFamiliesEverybody[] = {AF_UNIX};
constexpr int kFamiliesInternet[] = {AF_INET, AF_INET6};
constexpr int kPrctls[] = {PR_SET_NAME, PR_GET_NAME, PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS,
                           PR_GET_DUMPABLE};

class Filter {
 public:
  explicit Filter(std::uint32_t otherwise) : context_(::seccomp_init(otherwise)) {}
  ~Filter() {
    if (context_ != nullptr) ::seccomp_release(context_);
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  bool made() const { return context_ != nullptr; }
  // A name that this machine's kernels do not have is passed over.
  void add(std::uint32_t action, std::span<const char* const> names) {
    for (const char* name : names) {
      const int number = ::seccomp_syscall_resolve_name(name);
      if (number != __NR_SCMP_ERROR)
        note(::seccomp_rule_add_array(context_, action, number, 0, nullptr), name);
    }
  }
  // Only where argument `at`, masked, is `value`.
  void allow_where(const char* name, unsigned at, std::uint64_t mask, std::uint64_t value) {
    const int number = ::seccomp_syscall_resolve_name(name);
    const scmp_arg_cmp compared{at, SCMP_CMP_MASKED_EQ, mask, value};
    note(::seccomp_rule_add_array(context_, SCMP_ACT_ALLOW, number, 1, &compared), name);
  }
  Result<> load() {
    if (!failure_.empty()) return fail(ErrorCode::kInternal, "seccomp rule: " + failure_);
    // A tree instead of a list: a few comparisons a call.
    ::seccomp_attr_set(context_, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    const int code = ::seccomp_load(context_);
    if (code == 0) return {};
    return fail(ErrorCode::kUnavailable, errno_error("raising seccomp", -code).text);
  }

 private:
  // -EACCES: it says what happens anyway. -EDOM: a call of another architecture.
  void note(int code, const char* name) {
    if (code < 0 && code != -EACCES && code != -EDOM && failure_.empty())
      failure_ = errno_error(name, -code).text;
  }

  scmp_filter_ctx context_;
  std::string failure_;
};

constexpr std::uint64_t kLowHalf = 0xffff'ffffULL;  // of an int, whose upper half may be anything

// No page is ever both written and run: nobody here makes code.
void allow_memory(Filter& filter) {
  filter.allow_where("mmap", 2, PROT_EXEC, 0);
  filter.allow_where("mmap", 2, PROT_EXEC | PROT_WRITE, PROT_EXEC);
  filter.allow_where("mprotect", 2, PROT_EXEC, 0);
}

Result<> raise_strict(const SyscallFence& fence) {
  Filter filter(SCMP_ACT_ERRNO(ENOSYS));
  if (!filter.made()) return fail(ErrorCode::kUnavailable, "no seccomp here");
  for (const std::span<const char* const> group :
       {std::span<const char* const>(kProcess), std::span<const char* const>(kMemory),
        std::span<const char* const>(kTimeAndSignals), std::span<const char* const>(kDescriptors),
        std::span<const char* const>(kFiles), std::span<const char* const>(kSockets)})
    filter.add(SCMP_ACT_ALLOW, group);
  allow_memory(filter);
  // Threads alone. The newer clone3, which cannot be looked into, is not there: libc then uses
  // this.
  filter.allow_where("clone", 0, CLONE_THREAD, CLONE_THREAD);
  for (const int option : kPrctls)
    filter.allow_where("prctl", 0, kLowHalf, static_cast<std::uint64_t>(option));
  for (const int family : kFamiliesEverybody)
    filter.allow_where("socket", 0, kLowHalf, static_cast<std::uint64_t>(family));
  if (fence.internet) {
    filter.add(SCMP_ACT_ALLOW, kInternet);
    for (const int family : kFamiliesInternet)
      filter.allow_where("socket", 0, kLowHalf, static_cast<std::uint64_t>(family));
  }
  filter.add(SCMP_ACT_KILL_PROCESS, kRunsPrograms);
  filter.add(SCMP_ACT_KILL_PROCESS, kIntruders);
  return filter.load();
}

Result<> raise_loose() {
  Filter filter(SCMP_ACT_ALLOW);
  if (!filter.made()) return fail(ErrorCode::kUnavailable, "no seccomp here");
  filter.add(SCMP_ACT_ERRNO(EPERM), kIntruders);
  return filter.load();
}

}  // namespace

Result<> raise_syscall_fence(const SyscallFence& fence) {
  return fence.programs ? raise_loose() : raise_strict(fence);
}

}  // namespace hauspost::child
