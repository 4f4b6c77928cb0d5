// What `hauspost doctor` asks of the machine it runs on. Each call blocks shortly.
#pragma once

#include "tools/cli/doctor_facts.h"

namespace hauspost::cli {

// Writes and flushes a small file there, which is gone afterwards.
DiskFacts look_at_disk(std::string what, const std::string& path);
// Whether the kernel's clock is kept right; nobody is asked.
ClockFacts look_at_clock();
// Who listens at each of `listeners`, by /proc; what belongs to others is "another program" when
// we may not know.
std::vector<PortFacts> look_at_ports(const std::vector<supervisor::ListenerSettings>& listeners);
// Of this machine, loopback too.
std::vector<std::string> all_machine_addresses();

// One line of /proc/net/tcp or tcp6 that listens: its port and inode. nullopt: anything else.
struct ListenLine {
  std::string address;  // as /proc writes it: "0100007F"
  std::uint16_t port = 0;
  std::uint64_t inode = 0;
};
std::optional<ListenLine> parse_listen_line(std::string_view line);
// The address as /proc writes it; empty: not an address.
std::string proc_address(const std::string& address);

}  // namespace hauspost::cli
