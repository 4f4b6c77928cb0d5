// Checks of the machine: disks, clock, ports. Pure.
#pragma once

#include "tools/cli/doctor_facts.h"
#include "tools/cli/finding.h"

namespace hauspost::cli {

inline constexpr double kClockWarningSeconds = 5;
// Log-ins by time-based codes, DKIM's dates and TLS fail one after another.
inline constexpr double kClockFaultSeconds = 30;
// A disk with moving parts cannot have turned once in this time.
inline constexpr double kHonestSyncMicroseconds = 30;

Findings check_disks(const DoctorFacts& facts);  // "disk" and "sync"
Findings check_clock(const DoctorFacts& facts);
Findings check_ports(const DoctorFacts& facts);

}  // namespace hauspost::cli
