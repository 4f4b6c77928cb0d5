// Checks of what is published about a domain against what should be. Pure.
#pragma once

#include "tools/cli/doctor_facts.h"
#include "tools/cli/finding.h"

namespace hauspost::cli {

Findings check_mx(const DoctorFacts& facts, const std::string& domain);
Findings check_spf(const DoctorFacts& facts, const std::string& domain);
Findings check_dkim(const DoctorFacts& facts, const std::string& domain);
Findings check_dmarc(const DoctorFacts& facts, const std::string& domain);
Findings check_mta_sts(const DoctorFacts& facts, const std::string& domain);
Findings check_tls_rpt(const DoctorFacts& facts, const std::string& domain);
Findings check_srv(const DoctorFacts& facts, const std::string& domain);
Findings check_discovery(const DoctorFacts& facts, const std::string& domain);
Findings check_caa(const DoctorFacts& facts, const std::string& domain);

// "v=DKIM1; p=..." as tags: without white space around names and values.
std::map<std::string, std::string> record_tags(std::string_view record);
// Every question that these checks and check_host.h's need the answers of.
std::vector<DnsQuestion> zone_questions(const ZoneFacts& facts);

}  // namespace hauspost::cli
