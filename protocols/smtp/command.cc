#include "protocols/smtp/command.h"

#include <fmt/format.h>

#include <array>

#include "base/check.h"
#include "base/text.h"
#include "protocols/smtp/extensions.h"
#include "protocols/smtp/limits.h"
#include "protocols/smtp/parameters.h"

namespace hauspost::smtp {

namespace {

struct VerbName {
  std::string_view name;
  Verb verb;
};
constexpr std::array<VerbName, 15> kVerbs{{
    {"EHLO", Verb::kEhlo},
    {"HELO", Verb::kHelo},
    {"MAIL", Verb::kMail},
    {"RCPT", Verb::kRcpt},
    {"DATA", Verb::kData},
    {"BDAT", Verb::kBdat},
    {"RSET", Verb::kRset},
    {"NOOP", Verb::kNoop},
    {"QUIT", Verb::kQuit},
    {"VRFY", Verb::kVrfy},
    {"EXPN", Verb::kExpn},
    {"HELP", Verb::kHelp},
    {"STARTTLS", Verb::kStartTls},
    {"AUTH", Verb::kAuth},
    {"LHLO", Verb::kLhlo},
}};

using CommandResult = std::expected<Command, CommandError>;

// What follows the verb, and where it stood in the line.
struct Arguments {
  std::string_view text;
  std::size_t offset = 0;
  Verb verb = Verb::kNoop;

  std::unexpected<CommandError> refuse(std::uint16_t code, std::string_view enhanced,
                                       std::string said, std::size_t at = 0) const {
    return std::unexpected(CommandError{{code, enhanced, std::move(said)}, offset + at, verb});
  }
};

std::string_view trim_end(std::string_view text) {
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::size_t leading_spaces(std::string_view text) {
  return std::min(text.find_first_not_of(' '), text.size());
}

CommandResult parse_hello(const Arguments& arguments) {
  if (!is_host_name(arguments.text)) {
    return arguments.refuse(501, "5.5.4", "A domain name or address literal is needed");
  }
  return EhloCommand{std::string(arguments.text), arguments.verb != Verb::kHelo,
                     arguments.verb == Verb::kLhlo};
}

struct PathArgument {
  Path path;
  Arguments rest;  // the parameters
};

// ("FROM:" / "TO:") Path [ SP parameters ]. Spaces after the colon are against the grammar but
// common.
std::expected<PathArgument, CommandError> take_path(const Arguments& arguments,
                                                    std::string_view keyword,
                                                    std::string_view enhanced) {
  if (!istarts_with(arguments.text, keyword)) {
    return arguments.refuse(501, "5.5.4", fmt::format("{}<address> is needed", keyword));
  }
  std::size_t at = keyword.size();
  at += leading_spaces(arguments.text.substr(at));
  auto path = parse_path(arguments.text.substr(at));
  if (!path) {
    return arguments.refuse(501, enhanced, fmt::format("Bad address ({})", path.error().rule),
                            at + path.error().offset);
  }
  at += path->consumed;
  std::string_view rest = arguments.text.substr(at);
  if (!rest.empty() && !rest.starts_with(' ')) {
    return arguments.refuse(501, enhanced, "Bad address (text behind it)", at);
  }
  return PathArgument{std::move(path->value), {rest, arguments.offset + at, arguments.verb}};
}

std::unexpected<CommandError> refuse(const Arguments& arguments, ParameterFault fault) {
  return std::unexpected(
      CommandError{std::move(fault.reply), arguments.offset + fault.offset, arguments.verb});
}

CommandResult parse_mail(const Arguments& arguments) {
  auto path = take_path(arguments, "FROM:", "5.1.7");
  if (!path) return std::unexpected(std::move(path).error());
  MailCommand mail;
  mail.from = std::move(path->path);
  if (mail.from && mail.from->domain.empty()) {
    return arguments.refuse(501, "5.1.7", "A sender needs a domain");
  }
  if (auto fault = parse_parameters(path->rest.text, mail)) {
    return refuse(path->rest, std::move(*fault));
  }
  if (!mail.smtputf8 && mail.from && !mail.from->is_ascii()) {
    return arguments.refuse(550, "5.6.7", "Such an address needs SMTPUTF8");
  }
  return mail;
}

CommandResult parse_rcpt(const Arguments& arguments) {
  auto path = take_path(arguments, "TO:", "5.1.3");
  if (!path) return std::unexpected(std::move(path).error());
  if (!path->path) return arguments.refuse(501, "5.1.3", "A recipient is needed");
  RcptCommand rcpt;
  rcpt.to = std::move(*path->path);
  if (auto fault = parse_parameters(path->rest.text, rcpt)) {
    return refuse(path->rest, std::move(*fault));
  }
  return rcpt;
}

// "BDAT" SP chunk-size [ SP "LAST" ] (RFC 3030 section 2)
CommandResult parse_bdat(const Arguments& arguments) {
  const std::size_t end = std::min(arguments.text.find(' '), arguments.text.size());
  const auto bytes = parse_u64(arguments.text.substr(0, end));
  if (!bytes) return arguments.refuse(501, "5.5.4", "A chunk size is needed");
  const std::string_view rest = trim(arguments.text.substr(end));
  if (!rest.empty() && !iequals(rest, "LAST")) {
    return arguments.refuse(501, "5.5.4", "LAST or nothing may follow the chunk size", end);
  }
  return BdatCommand{*bytes, !rest.empty()};
}

// "AUTH" SP mechanism [ SP initial-response ] (RFC 4954 section 4)
CommandResult parse_auth(const Arguments& arguments) {
  const std::size_t end = std::min(arguments.text.find(' '), arguments.text.size());
  AuthCommand auth{ascii_upper(arguments.text.substr(0, end)), std::nullopt};
  if (auth.mechanism.empty()) return arguments.refuse(501, "5.5.4", "A mechanism is needed");
  const std::string_view rest = trim(arguments.text.substr(end));
  if (rest.find(' ') != std::string_view::npos) {
    return arguments.refuse(501, "5.5.4", "Too many arguments", end);
  }
  if (!rest.empty()) auth.response = std::string(rest);
  return auth;
}

CommandResult parse_bare(const Arguments& arguments, Command command) {
  if (!arguments.text.empty()) return arguments.refuse(501, "5.5.4", "No argument is allowed");
  return command;
}

CommandResult parse_arguments(const Arguments& arguments) {
  switch (arguments.verb) {
    case Verb::kEhlo:
    case Verb::kHelo:
    case Verb::kLhlo: return parse_hello(arguments);
    case Verb::kMail: return parse_mail(arguments);
    case Verb::kRcpt: return parse_rcpt(arguments);
    case Verb::kData: return parse_bare(arguments, DataCommand{});
    case Verb::kBdat: return parse_bdat(arguments);
    case Verb::kRset: return parse_bare(arguments, RsetCommand{});
    case Verb::kNoop: return NoopCommand{};
    case Verb::kQuit: return parse_bare(arguments, QuitCommand{});
    case Verb::kVrfy: return VrfyCommand{std::string(arguments.text)};
    case Verb::kExpn: return ExpnCommand{std::string(arguments.text)};
    case Verb::kHelp: return HelpCommand{};
    case Verb::kStartTls: return parse_bare(arguments, StartTlsCommand{});
    case Verb::kAuth: return parse_auth(arguments);
  }
  HP_UNREACHABLE();
}

}  // namespace

std::uint32_t MailCommand::extensions_used() const {
  ExtensionBits used = 0;
  if (body == BodyType::kBinaryMime) used |= kBinaryMimeExtension;
  if (smtputf8) used |= kSmtpUtf8Extension;
  if (require_tls) used |= kRequireTlsExtension;
  if (priority) used |= kPriorityExtension;
  if (hold_for_s || hold_until_s) used |= kFutureReleaseExtension;
  if (deliver_by) used |= kDeliverByExtension;
  return used;
}

std::optional<Verb> find_verb(std::string_view line) {
  const std::string_view word = line.substr(0, line.find(' '));
  for (const VerbName& candidate : kVerbs) {
    if (iequals(candidate.name, word)) return candidate.verb;
  }
  return std::nullopt;
}

std::string_view name_of(Verb verb) {
  for (const VerbName& candidate : kVerbs) {
    if (candidate.verb == verb) return candidate.name;
  }
  HP_UNREACHABLE();
}

namespace {

Verb verb_of_type(const EhloCommand& hello) {
  if (hello.lmtp) return Verb::kLhlo;
  return hello.extended ? Verb::kEhlo : Verb::kHelo;
}
Verb verb_of_type(const MailCommand&) { return Verb::kMail; }
Verb verb_of_type(const RcptCommand&) { return Verb::kRcpt; }
Verb verb_of_type(const DataCommand&) { return Verb::kData; }
Verb verb_of_type(const BdatCommand&) { return Verb::kBdat; }
Verb verb_of_type(const RsetCommand&) { return Verb::kRset; }
Verb verb_of_type(const NoopCommand&) { return Verb::kNoop; }
Verb verb_of_type(const QuitCommand&) { return Verb::kQuit; }
Verb verb_of_type(const VrfyCommand&) { return Verb::kVrfy; }
Verb verb_of_type(const ExpnCommand&) { return Verb::kExpn; }
Verb verb_of_type(const HelpCommand&) { return Verb::kHelp; }
Verb verb_of_type(const StartTlsCommand&) { return Verb::kStartTls; }
Verb verb_of_type(const AuthCommand&) { return Verb::kAuth; }

}  // namespace

Verb verb_of(const Command& command) {
  return std::visit([](const auto& one) { return verb_of_type(one); }, command);
}

std::expected<Command, CommandError> parse_command(std::string_view line) {
  const std::optional<Verb> verb = find_verb(line);
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (static_cast<unsigned char>(line[at]) < ' ' || line[at] == 0x7f) {
      return std::unexpected(CommandError{{500, "5.5.2", "Control character"}, at, verb});
    }
  }
  if (!is_valid_utf8(line)) {
    return std::unexpected(CommandError{{500, "5.5.2", "Not UTF-8"}, 0, verb});
  }
  if (!verb) return std::unexpected(CommandError{{500, "5.5.1", "Unknown command"}, 0, {}});
  std::size_t at = name_of(*verb).size();
  at += leading_spaces(line.substr(at));
  return parse_arguments({trim_end(line.substr(at)), at, *verb});
}

}  // namespace hauspost::smtp
