#include "tools/cli/doctor_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct GroupTitle {
  std::string_view group;
  std::string_view title;
};
constexpr GroupTitle kGroupTitles[] = {{"machine", "This machine"},
                                       {"server", "The server"},
                                       {"names", "Its name and addresses"},
                                       {"domains", "The domains"}};

std::string_view group_of(const std::string& check) {
  const auto at = std::ranges::find(kChecks, check, &CheckInfo::name);
  return at == std::end(kChecks) ? "server" : at->group;
}

std::string_view mark_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGood: return "ok";
    case Verdict::kWarning: return "WARNING";
    case Verdict::kFault: return "FAULT";
    case Verdict::kSkipped: return "-";
  }
  return "-";
}

std::string named(const Finding& finding) {
  return finding.object.empty() ? finding.check : finding.check + " " + printable(finding.object);
}

}  // namespace

Json finding_json(const Finding& finding) {
  return {{"check", finding.check},   {"group", group_of(finding.check)},
          {"object", finding.object}, {"verdict", verdict_word(finding.verdict)},
          {"text", finding.text},     {"why", finding.why},
          {"remedy", finding.remedy}};
}

std::string findings_text(const Findings& findings, bool all) {
  std::string out;
  for (const auto& [group, title] : kGroupTitles) {
    Table table({{""}, {"CHECK"}, {"FOUND"}});
    for (const Finding& finding : findings) {
      const bool shown = all || finding.verdict != Verdict::kSkipped || finding.blind;
      if (group_of(finding.check) == group && shown)
        table.add({std::string(mark_of(finding.verdict)), named(finding), finding.text});
    }
    if (!table.empty()) out += fmt::format("{}\n\n{}\n", title, table.render(terminal_width()));
  }
  return out;
}

std::string problems_text(const Findings& findings) {
  std::string out;
  int number = 0;
  for (const Verdict verdict : {Verdict::kFault, Verdict::kWarning}) {
    for (const Finding& finding : findings) {
      if (finding.verdict != verdict) continue;
      out += fmt::format("{:>3}. {}{}: {}\n     so: {}\n     do: {}\n", ++number,
                         verdict == Verdict::kWarning ? "(warning) " : "", named(finding),
                         finding.text, finding.why, finding.remedy);
    }
  }
  return out;
}

std::size_t count_of(const Findings& findings, Verdict verdict) {
  return static_cast<std::size_t>(std::ranges::count(findings, verdict, &Finding::verdict));
}

}  // namespace hauspost::cli
