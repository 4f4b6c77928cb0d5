// Checks of the server itself: processes, databases, backups, queues, certificates. Pure.
#pragma once

#include "tools/cli/doctor_facts.h"
#include "tools/cli/finding.h"

namespace hauspost::cli {

Findings check_data_root_files(const DoctorFacts& facts);  // "data-root"
Findings check_processes(const DoctorFacts& facts);        // "server"
Findings check_databases(const DoctorFacts& facts);
Findings check_backups(const DoctorFacts& facts);
Findings check_queues(const DoctorFacts& facts);
Findings check_connectors(const DoctorFacts& facts);
Findings check_recipients(const DoctorFacts& facts);
Findings check_certificates(const DoctorFacts& facts);

}  // namespace hauspost::cli
