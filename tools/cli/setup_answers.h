// What `hauspost setup` has to know: one table of answers, given by options, by a file or on the
// terminal. Pure.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/cli/outcome.h"

namespace hauspost::cli {

enum class AnswerKind : std::uint8_t { kText, kYesNo, kChoice, kList, kNumber };

struct AnswerKey {
  std::string_view key;  // as the option of the CLI without its dashes; in a file with '_' for '-'
  AnswerKind kind = AnswerKind::kText;
  std::string_view choices;   // of kChoice: "direct|smart-host|none"
  std::string_view fallback;  // where nothing else is said; empty: none
  std::string_view question;  // asked on the terminal; empty: it is not
  std::string_view help;
};
// In the order they are asked.
std::span<const AnswerKey> answer_keys();
const AnswerKey* find_answer_key(std::string_view key);

class Answers {
 public:
  // Items of a list are separated by spaces. Exit::kUsage when the value cannot be: nothing is
  // changed. REQUIRES: a key of the table.
  Outcome<> set(std::string_view key, const std::string& value);
  bool given(std::string_view key) const;
  // Given, else proposed, else the table's fallback.
  std::string text(std::string_view key) const;
  bool yes(std::string_view key) const { return text(key) == "yes"; }
  std::vector<std::string> list(std::string_view key) const;
  // What stands for an answer that is not given: of this machine, or of what is there already.
  void propose(std::string_view key, std::string value);

 private:
  std::map<std::string, std::string, std::less<>> given_;
  std::map<std::string, std::string, std::less<>> proposed_;
};

// A whole file of answers; what is set in `answers` stays. Exit::kUsage names the line.
Outcome<> read_answers(std::string_view toml, Answers& answers);
// A file that read_answers() takes, with every key and what it is for.
std::string answers_template(const Answers& answers);
// What must be given and is not, and what does not fit together. Exit::kUsage.
Outcome<> check_answers(const Answers& answers, bool new_root);

}  // namespace hauspost::cli
