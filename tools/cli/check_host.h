// Checks of the host name and its addresses as the world sees them. Pure.
#pragma once

#include "tools/cli/doctor_facts.h"
#include "tools/cli/finding.h"

namespace hauspost::cli {

Findings check_host_name(const DoctorFacts& facts);
Findings check_addresses(const DoctorFacts& facts);
Findings check_listeners(const DoctorFacts& facts);
Findings check_reverse_dns(const DoctorFacts& facts);
Findings check_resolver(const DoctorFacts& facts);
Findings check_outbound(const DoctorFacts& facts);
Findings check_tlsa(const DoctorFacts& facts);

// Whether any question had an answer, were it that there is no such name.
bool resolver_answers(const DnsFacts& dns);
// "192.0.2.1, 192.0.2.2", or "nothing"; raw records as their type is written.
std::string shown_records(const dns::Answer<std::string>& answer, dns::RecordType type);

}  // namespace hauspost::cli
