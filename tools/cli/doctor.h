// The doctor: gathers facts, has every check judge them, remembers what it found.
#pragma once

#include "tools/cli/context.h"
#include "tools/cli/doctor_facts.h"
#include "tools/cli/finding.h"

namespace hauspost::cli {

struct DoctorWish {
  bool offline = false;                // neither the DNS nor the Internet is asked
  std::vector<std::string> domains;    // none: all
  std::vector<std::string> only;       // checks; none: all
  std::vector<std::string> resolvers;  // none: the server's
  std::string ntp;                     // none: nobody is asked for the time
  std::string outbound;  // none: a smart host, else who takes mail for kOutboundDomain
  DoctorLimits limits;
};
// Whose hosts are tried to see whether port 25 is open outwards.
inline constexpr std::string_view kOutboundDomain = "gmail.com";

// Works with no server running too, as far as it goes. Exit::kUsage when there is no data root.
Outcome<DoctorFacts> gather_facts(Context& context, const DoctorWish& wish);
// Pure. In the order of kChecks.
Findings examine(const DoctorFacts& facts, const std::vector<std::string>& only);

// What changed between two examinations: "mx example.org: was good, is a fault now: ...". Pure.
struct Remembered {
  std::string check;
  std::string object;
  Verdict verdict = Verdict::kGood;
  std::string text;
};
// One of each check and object: the worst, for that is what is remembered; what was skipped is
// none.
Findings worst_of_each(const Findings& findings);
std::vector<std::string> drift(const std::vector<Remembered>& before, const Findings& now);

std::string_view verdict_word(Verdict verdict);
// DATA/doctor.json: none when there is none that can be read.
struct LastExamination {
  std::int64_t time_s = 0;
  std::vector<Remembered> findings;
};
std::optional<LastExamination> read_last(const std::string& data_root);
Result<> write_last(const std::string& data_root, std::int64_t time_s, const Findings& findings,
                    const std::vector<Remembered>& before);

}  // namespace hauspost::cli
