#include "tools/cli/setup_ask.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "base/text.h"
#include "tools/cli/table.h"
#include "tools/cli/zone_facts.h"

namespace hauspost::cli {

namespace {

constexpr int kTriesOfAnAnswer = 5;

Outcome<std::string> typed_line(const std::string& question) {
  fmt::print(stderr, "{}", question);
  std::string line;
  if (!std::getline(std::cin, line)) {
    fmt::print(stderr, "\n");
    return usage("the input ended before every question was answered; nothing was done");
  }
  if (!is_valid_utf8(line)) return usage("the answer is not UTF-8; nothing was done");
  return std::string(trim(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line));
}

// "y" and "YES" are yes as well.
std::string spelt_out(const AnswerKey& key, const std::string& line) {
  if (key.kind != AnswerKind::kYesNo) return line;
  if (iequals(line, "y") || iequals(line, "yes")) return "yes";
  if (iequals(line, "n") || iequals(line, "no")) return "no";
  return line;
}

bool world_reaches_us() { return std::ranges::any_of(machine_addresses(), is_public_address); }

// Questions that what is known already makes idle.
bool is_idle(const AnswerKey& key, const Answers& answers, const SetupState& state) {
  const bool smart = answers.text("send") == "smart-host";
  const bool offline = answers.yes("offline");
  if (key.key == "hostname") return state.root_there;
  if (key.key.starts_with("smart-host-password"))
    return !smart || answers.text("smart-host-user").empty() ||
           answers.text("smart-host-user") == "none";
  if (key.key.starts_with("smart-host")) return !smart;
  if (key.key == "certificate-file" || key.key == "key-file")
    return answers.text("certificate") != "files";
  if (key.key == "agree-terms") return answers.text("certificate") != "acme";
  if (key.key == "dmarc" || key.key == "reports-to") return offline;
  if (key.key == "public-address") return offline || world_reaches_us();
  return false;
}

std::string question_of(const AnswerKey& key, const Answers& answers) {
  std::string out(key.question);
  if (key.kind == AnswerKind::kChoice)
    out += fmt::format(" ({})", fmt::join(split(key.choices, '|'), ", "));
  if (key.kind == AnswerKind::kYesNo) out += " (yes, no)";
  const std::string proposed = answers.text(key.key);
  return proposed.empty() ? out + ": " : fmt::format("{} [{}]: ", out, printable(proposed));
}

Outcome<> ask_one(const AnswerKey& key, Answers& answers) {
  for (int i = 0; i < kTriesOfAnAnswer; ++i) {
    TRY_ASSIGN(const std::string line, typed_line(question_of(key, answers)));
    const std::string value = line.empty() ? answers.text(key.key) : spelt_out(key, line);
    const auto set = answers.set(key.key, value);
    if (set) return {};
    fmt::print(stderr, "  {}\n", printable(set.error().text));
  }
  return usage(fmt::format("{}: no usable answer; nothing was done", key.question));
}

}  // namespace

Outcome<> ask_answers(const SetupState& state, const std::string& machine_name,
                      const std::string& login, Answers& answers) {
  for (const AnswerKey& key : answer_keys()) {
    // What was answered may change what is proposed next.
    propose_answers(state, machine_name, login, answers);
    if (key.question.empty() || answers.given(key.key) || is_idle(key, answers, state)) continue;
    TRY(ask_one(key, answers));
  }
  propose_answers(state, machine_name, login, answers);
  return {};
}

Outcome<bool> ask_yes(const std::string& question) {
  for (int i = 0; i < kTriesOfAnAnswer; ++i) {
    TRY_ASSIGN(const std::string line, typed_line(question + " (yes, no) [yes]: "));
    if (line.empty() || iequals(line, "y") || iequals(line, "yes")) return true;
    if (iequals(line, "n") || iequals(line, "no")) return false;
  }
  return false;
}

}  // namespace hauspost::cli
