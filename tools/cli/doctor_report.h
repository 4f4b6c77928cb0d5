// Findings for people and programs.
#pragma once

#include "tools/cli/doctor.h"
#include "tools/cli/json.h"

namespace hauspost::cli {

Json finding_json(const Finding& finding);
// Groups with a line for each finding; what is good only when `all`.
std::string findings_text(const Findings& findings, bool all);
// Faults, then warnings, numbered: what, why it matters, what to do. Empty: there are none.
std::string problems_text(const Findings& findings);
std::size_t count_of(const Findings& findings, Verdict verdict);

}  // namespace hauspost::cli
