#include "store/platform.h"

#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

namespace hauspost::store {

namespace {

constexpr int kExitFenced = 74;  // sysexits.h EX_IOERR

[[noreturn]] void end_process(const Error& error) {
  log::error("store.fenced", {{"error", error}});
  // No destructors, no flushing: what the disk holds is for recovery to say.
  ::_exit(kExitFenced);
}

}  // namespace

Platform Platform::real() {
  const auto boot_id = read_file("/proc/sys/kernel/random/boot_id", 64);
  Platform platform;
  platform.disk = &real_disk();
  platform.clock = &system_clock();
  // Without a boot id every start counts as a power loss, which is only slower.
  platform.boot_id = boot_id ? boot_id->substr(0, boot_id->find('\n')) : std::string();
  platform.fatal = end_process;
  return platform;
}

}  // namespace hauspost::store
