#include "tools/cli/check_machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

constexpr std::uint64_t kFreePercentLeast = 5;

// What a database must not lie on, and why.
struct BadKind {
  std::string_view kind;
  std::string_view why;
};
constexpr BadKind kBadKinds[] = {
    {"nfs", "a file system of a network loses what the disk said it had written"},
    {"cifs", "a file system of a network loses what the disk said it had written"},
    {"fuse", "nobody knows whether it keeps what it says it has written"},
    {"tmpfs", "it lives in memory: a restart of the machine loses all mail"},
    {"ramfs", "it lives in memory: a restart of the machine loses all mail"},
    {"overlay", "it goes with its container: all mail is lost when that is replaced"}};

Finding check_disk_kind(const DiskFacts& disk) {
  const auto bad = std::ranges::find(kBadKinds, disk.kind, &BadKind::kind);
  if (bad == std::end(kBadKinds))
    return good("disk", disk.what, fmt::format("{} is on {}", disk.path, disk.kind));
  return {"disk",
          disk.what,
          Verdict::kFault,
          fmt::format("{} is on {}", disk.path, disk.kind),
          std::string(bad->why),
          "move it to a local disk with ext4, xfs, btrfs or zfs"};
}

Finding check_disk_space(const DiskFacts& disk, const DoctorLimits& limits) {
  const std::string text = fmt::format("{} has {} free of {}", disk.path,
                                       human_bytes(disk.free_bytes), human_bytes(disk.total_bytes));
  const bool full = disk.free_bytes < limits.free_bytes_least ||
                    disk.free_bytes * 100 < disk.total_bytes * kFreePercentLeast;
  if (full)
    return {"disk",
            disk.what,
            Verdict::kFault,
            text + ": nearly full",
            "mail is refused when nothing is left",
            "make room, or move a database: hauspost database move-path"};
  if (disk.free_bytes * 100 < disk.total_bytes * kFreePercentLeast * 2)
    return {"disk",
            disk.what,
            Verdict::kWarning,
            text,
            "it will be full before long",
            "make room, or move a database: hauspost database move-path"};
  return good("disk", disk.what, text);
}

Finding check_disk_sync(const DiskFacts& disk) {
  if (!disk.sync_us) return not_seen("sync", disk.what, disk.path + " could not be written to");
  const std::string text =
      fmt::format("{}: a small write is on the disk after {:.0f} us", disk.path, *disk.sync_us);
  if (!disk.moving_parts || *disk.sync_us >= kHonestSyncMicroseconds)
    return good("sync", disk.what, text);
  return {"sync",
          disk.what,
          Verdict::kFault,
          text + ", which no such disk can do",
          "it says that mail is safe before it is: a loss of power loses mail",
          "switch its volatile write cache off, or give it a battery"};
}

}  // namespace

Findings check_disks(const DoctorFacts& facts) {
  Findings out;
  for (const DiskFacts& disk : facts.disks) {
    if (!disk.error.empty()) {
      out.push_back({"disk", disk.what, Verdict::kFault, disk.error, "nothing can be kept there",
                     "mount it, or correct the path"});
      continue;
    }
    Finding kind = check_disk_kind(disk);
    if (kind.verdict != Verdict::kGood) out.push_back(std::move(kind));
    out.push_back(check_disk_space(disk, facts.limits));
    out.push_back(check_disk_sync(disk));
  }
  return out;
}

Findings check_clock(const DoctorFacts& facts) {
  const ClockFacts& clock = facts.clock;
  const std::string remedy = "keep it by NTP: apt install systemd-timesyncd, or chrony";
  if (clock.offset_s) {
    const double off = std::abs(*clock.offset_s);
    const std::string text = fmt::format("{} s {} {}", std::round(off * 10) / 10,
                                         *clock.offset_s < 0 ? "behind" : "ahead of", clock.asked);
    if (off >= kClockFaultSeconds)
      return {{"clock", "", Verdict::kFault, "the clock is " + text,
               "dates of mail are wrong, certificates and signatures seem not to hold", remedy}};
    if (off >= kClockWarningSeconds)
      return {{"clock", "", Verdict::kWarning, "the clock is " + text, "dates of mail are wrong",
               remedy}};
    return {good("clock", "", "the clock is " + text)};
  }
  if (!clock.asked.empty())
    return {{"clock", "", Verdict::kWarning,
             fmt::format("{} does not tell the time: {}", clock.asked, clock.error),
             "nobody knows whether the clock is right", "name another server with --ntp"}};
  if (clock.disciplined) return {good("clock", "", "the clock is kept right by NTP")};
  return {{"clock", "", Verdict::kWarning, "nothing keeps the clock right",
           "it drifts, and dates, certificates and signatures fail one day", remedy}};
}

Findings check_ports(const DoctorFacts& facts) {
  Findings out;
  std::size_t ours = 0;
  for (const PortFacts& port : facts.ports) {
    if (port.holder.empty() || port.ours) {
      ++ours;
      continue;
    }
    out.push_back({"ports", port.service, Verdict::kFault,
                   fmt::format("port {} of {} is taken by {}", port.port, port.address,
                               printable(port.holder)),
                   fmt::format("{} cannot be served there", port.service),
                   fmt::format("stop it (is another mail server installed?), or change {} under "
                               "[listeners] of hauspost.toml",
                               port.service)});
  }
  if (out.empty() && ours > 0)
    out.push_back(good("ports", "", fmt::format("all {} ports are free or ours", ours)));
  return out;
}

}  // namespace hauspost::cli
