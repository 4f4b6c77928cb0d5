#include "protocols/pop3/command.h"

#include <algorithm>

#include "base/text.h"
#include "protocols/sasl/mechanism.h"

namespace hauspost::pop3 {

namespace {

constexpr std::size_t kLanguageMax = 64;  // octets of a language tag; RFC 5646 section 4.4 asks 35

using Words = std::vector<std::string_view>;

Words words_of(std::string_view text) {
  Words words = split(text, ' ');
  std::erase(words, std::string_view());
  return words;
}

std::optional<std::uint32_t> parse_number(std::string_view text) {
  if (text.empty() || !std::ranges::all_of(text, is_digit)) return std::nullopt;
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(parse_u64(text).value_or(UINT32_MAX), UINT32_MAX));
}

bool take_nothing(std::string_view text, Command&) { return words_of(text).empty(); }

bool take_message(std::string_view text, Command& command) {
  const Words words = words_of(text);
  if (words.size() != 1) return false;
  command.message = parse_number(words[0]);
  return command.message.has_value();
}

bool take_message_or_nothing(std::string_view text, Command& command) {
  return take_nothing(text, command) || take_message(text, command);
}

bool take_top(std::string_view text, Command& command) {
  const Words words = words_of(text);
  if (words.size() != 2) return false;
  command.message = parse_number(words[0]);
  const auto lines = parse_number(words[1]);
  command.lines = lines.value_or(0);
  return command.message && lines;
}

bool take_auth(std::string_view text, Command& command) {
  const Words words = words_of(text);
  if (words.size() > 2) return false;
  if (!words.empty()) command.word = words[0];
  if (words.size() > 1) command.secret = Secret(std::string(words[1]));
  return true;
}

bool take_language(std::string_view text, Command& command) {
  const Words words = words_of(text);
  if (words.size() > 1) return false;
  if (!words.empty()) command.word = words[0];
  return command.word.size() <= kLanguageMax;
}

bool take_name(std::string_view text, Command& command) {
  if (!text.starts_with(' ')) return false;
  command.word = text.substr(1);
  return !command.word.empty() && command.word.size() <= sasl::kNameMax &&
         !command.word.contains('\0') && is_valid_utf8(command.word);
}

bool take_password(std::string_view text, Command& command) {
  if (!text.starts_with(' ') || text.size() < 2 || text.size() - 1 > sasl::kPasswordMax)
    return false;
  command.secret = Secret(std::string(text.substr(1)));
  return !text.contains('\0');
}

struct Rule {
  std::string_view keyword;
  CommandName name;
  bool (*take)(std::string_view text, Command& command);  // the text behind the keyword
};
constexpr Rule kRules[] = {
    {"AUTH", CommandName::kAuth, take_auth},
    {"CAPA", CommandName::kCapa, take_nothing},
    {"DELE", CommandName::kDele, take_message},
    {"LANG", CommandName::kLang, take_language},
    {"LIST", CommandName::kList, take_message_or_nothing},
    {"NOOP", CommandName::kNoop, take_nothing},
    {"PASS", CommandName::kPass, take_password},
    {"QUIT", CommandName::kQuit, take_nothing},
    {"RETR", CommandName::kRetr, take_message},
    {"RSET", CommandName::kRset, take_nothing},
    {"STAT", CommandName::kStat, take_nothing},
    {"STLS", CommandName::kStls, take_nothing},
    {"TOP", CommandName::kTop, take_top},
    {"UIDL", CommandName::kUidl, take_message_or_nothing},
    {"USER", CommandName::kUser, take_name},
    {"UTF8", CommandName::kUtf8, take_nothing},
};

}  // namespace

std::string_view word_of(CommandName name) {
  return std::ranges::find(kRules, name, &Rule::name)->keyword;
}

std::expected<Command, ParseError> parse_command(std::string_view line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view keyword = line.substr(0, end);
  const auto* rule =
      std::ranges::find_if(kRules, [&](const Rule& r) { return iequals(r.keyword, keyword); });
  if (rule == std::end(kRules)) return std::unexpected(ParseError{"Unknown command"});
  Command command;
  command.name = rule->name;
  if (!rule->take(line.substr(end), command))
    return std::unexpected(ParseError{"Malformed arguments"});
  return command;
}

}  // namespace hauspost::pop3
