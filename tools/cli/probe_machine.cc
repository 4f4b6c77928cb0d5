#include "tools/cli/probe_machine.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/random.h"
#include "base/text.h"

namespace hauspost::cli {

namespace {

namespace fs = std::filesystem;

constexpr int kSyncs = 15;
constexpr std::size_t kSyncBytes = 4096;

struct FileSystemKind {
  long magic;
  std::string_view name;
};
// statfs(2).
constexpr FileSystemKind kFileSystemKinds[] = {
    {0xEF53, "ext4"},         {0x58465342, "xfs"},   {0x9123683E, "btrfs"}, {0x2FC12FC1, "zfs"},
    {0x01021994, "tmpfs"},    {0x858458F6, "ramfs"}, {0x6969, "nfs"},       {0xFF534D42, "cifs"},
    {0xFE534D42, "cifs"},     {0x517B, "cifs"},      {0x65735546, "fuse"},  {0x794C7630, "overlay"},
    {0xCA451A4E, "bcachefs"}, {0xF2F52010, "f2fs"}};

std::string kind_name(long magic) {
  const auto at = std::ranges::find(kFileSystemKinds, magic, &FileSystemKind::magic);
  return at == std::end(kFileSystemKinds) ? fmt::format("file system {:#x}", magic)
                                          : std::string(at->name);
}

// A disk that turns. One of a network has a file system of its own kind.
bool turns(const std::string& path) {
  struct stat facts{};
  if (::stat(path.c_str(), &facts) != 0) return false;
  const std::string device =
      fmt::format("/sys/dev/block/{}:{}", major(facts.st_dev), minor(facts.st_dev));
  // A partition has its queue one level up.
  for (const char* place : {"/queue/rotational", "/../queue/rotational"}) {
    std::ifstream file(device + place);
    std::string digit;
    // Virtual disks say that they turn, and nobody knows.
    if (file >> digit)
      return digit == "1" && !fs::path(fs::read_symlink(device)).string().starts_with("virtio") &&
             fs::read_symlink(device).string().find("/virtio") == std::string::npos;
  }
  return false;
}

std::optional<double> median_sync_us(const std::string& folder) {
  const std::string path = fmt::format("{}/.sync-probe-{:08x}", folder, random_u64() & 0xffffffffU);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return std::nullopt;
  ::unlink(path.c_str());
  const std::string block(kSyncBytes, 'x');
  std::vector<double> times;
  for (int i = 0; i <= kSyncs; ++i) {
    const auto before = std::chrono::steady_clock::now();
    const bool ok =
        ::pwrite(fd, block.data(), block.size(), 0) == static_cast<ssize_t>(block.size()) &&
        ::fdatasync(fd) == 0;
    if (!ok) break;
    // The first one also makes the file longer.
    if (i > 0)
      times.push_back(
          std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - before)
              .count());
  }
  ::close(fd);
  if (times.empty()) return std::nullopt;
  std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2));
  return times[times.size() / 2];
}

// Of a folder that may go while it is read, as that of a process does; range-for would throw.
template <class Take>
void for_each_entry(const fs::path& folder, const Take& take) {
  std::error_code code;
  for (fs::directory_iterator at(folder, code), end; !code && at != end; at.increment(code))
    take(at->path());
}

// Name of each program that has one of these sockets open, by inode. What we may not look into is
// left out.
std::map<std::uint64_t, std::string> holders_of(const std::set<std::uint64_t>& inodes) {
  std::map<std::uint64_t, std::string> out;
  for_each_entry("/proc", [&](const fs::path& process) {
    if (!parse_u64(process.filename().string())) return;
    for_each_entry(process / "fd", [&](const fs::path& file) {
      std::error_code gone;
      const std::string target = fs::read_symlink(file, gone).string();
      if (gone || !target.starts_with("socket:[")) return;
      const auto inode = parse_u64(std::string_view(target).substr(8, target.size() - 9));
      if (!inode || !inodes.contains(*inode)) return;
      std::ifstream name_file(process / "comm");
      std::string name;
      std::getline(name_file, name);
      std::string& known = out[*inode];
      if (!known.starts_with("hauspost")) known = name;
    });
  });
  return out;
}

// Whether a socket at `taken`, as /proc writes it, keeps us from `wanted`.
bool in_the_way(const std::string& taken, const std::string& wanted) {
  const bool any = taken.find_first_not_of('0') == std::string::npos;
  return any || wanted == "0.0.0.0" || wanted == "::" || taken == proc_address(wanted);
}

}  // namespace

std::optional<ListenLine> parse_listen_line(std::string_view line) {
  constexpr std::string_view kListening = "0A";
  std::vector<std::string_view> words;
  for (const std::string_view word : split(line, ' '))
    if (!word.empty()) words.push_back(word);
  if (words.size() < 10 || words[3] != kListening) return std::nullopt;
  const auto colon = words[1].rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = from_hex(words[1].substr(colon + 1));
  const auto inode = parse_u64(words[9]);
  if (!port || port->size() != 2 || !inode) return std::nullopt;
  return ListenLine{std::string(words[1].substr(0, colon)),
                    static_cast<std::uint16_t>(static_cast<std::uint8_t>((*port)[0]) << 8 |
                                               static_cast<std::uint8_t>((*port)[1])),
                    *inode};
}

std::string proc_address(const std::string& address) {
  std::uint8_t bytes[16] = {};
  std::size_t size = 4;
  if (::inet_pton(AF_INET, address.c_str(), bytes) != 1) {
    if (::inet_pton(AF_INET6, address.c_str(), bytes) != 1) return {};
    size = 16;
  }
  std::string out;
  // Words of 32 bits, as the machine has them; only little-endian ones are built for.
  for (std::size_t word = 0; word < size; word += 4)
    for (std::size_t i = 4; i-- > 0;) out += fmt::format("{:02X}", bytes[word + i]);
  return out;
}

DiskFacts look_at_disk(std::string what, const std::string& path) {
  DiskFacts facts;
  facts.what = std::move(what);
  facts.path = path;
  struct statfs system{};
  if (::statfs(path.c_str(), &system) != 0) {
    facts.error = errno_error(path).text;
    return facts;
  }
  const auto block = static_cast<std::uint64_t>(system.f_bsize);
  facts.kind =
      kind_name(static_cast<long>(static_cast<unsigned long>(system.f_type) & 0xffffffffU));
  facts.free_bytes = static_cast<std::uint64_t>(system.f_bavail) * block;
  facts.total_bytes = static_cast<std::uint64_t>(system.f_blocks) * block;
  facts.moving_parts = facts.kind == "nfs" || facts.kind == "cifs" || turns(path);
  facts.sync_us = median_sync_us(path);
  return facts;
}

ClockFacts look_at_clock() {
  ClockFacts facts;
  timex state{};
  facts.disciplined = ::adjtimex(&state) >= 0 && (state.status & STA_UNSYNC) == 0;
  return facts;
}

std::vector<PortFacts> look_at_ports(const std::vector<supervisor::ListenerSettings>& listeners) {
  std::vector<ListenLine> listening;
  std::set<std::uint64_t> inodes;
  for (const char* file : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);) {
      auto found = parse_listen_line(line);
      const bool wanted = found && std::ranges::any_of(listeners, [&](const auto& listener) {
                            return listener.port == found->port;
                          });
      if (!wanted) continue;
      inodes.insert(found->inode);
      listening.push_back(std::move(*found));
    }
  }
  const auto holders = inodes.empty() ? std::map<std::uint64_t, std::string>() : holders_of(inodes);
  std::vector<PortFacts> out;
  for (const auto& listener : listeners) {
    PortFacts facts{listener.service, listener.address, listener.port, "", false};
    for (const ListenLine& line : listening) {
      if (line.port != listener.port || !in_the_way(line.address, listener.address)) continue;
      const auto holder = holders.find(line.inode);
      facts.holder = holder == holders.end() ? "another program" : holder->second;
      facts.ours |= facts.holder.starts_with("hauspost");
    }
    out.push_back(std::move(facts));
  }
  return out;
}

std::vector<std::string> all_machine_addresses() {
  std::vector<std::string> out;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return out;
  for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
    char text[INET6_ADDRSTRLEN] = "";
    if (one->ifa_addr == nullptr) continue;
    if (one->ifa_addr->sa_family == AF_INET)
      ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr, text,
                  sizeof text);
    if (one->ifa_addr->sa_family == AF_INET6)
      ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr, text,
                  sizeof text);
    if (*text != 0) out.emplace_back(text);
  }
  ::freeifaddrs(first);
  return out;
}

}  // namespace hauspost::cli
