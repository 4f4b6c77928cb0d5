#include "tools/cli/setup_answers.h"

#define TOML_EXCEPTIONS 0
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

#include "base/network.h"
#include "base/text.h"
#include "server/directory/names.h"
#include "server/supervisor/settings.h"

namespace hauspost::cli {

namespace {

constexpr AnswerKey kAnswerKeys[] = {
    {"hostname", AnswerKind::kText, "", "", "Full name of this server",
     "As others know it: MX and certificates name it"},
    {"offline", AnswerKind::kYesNo, "", "no", "Is this a private box, without the Internet",
     "Nothing is asked of the DNS or the Internet, and nothing is missed there"},
    {"domain", AnswerKind::kList, "", "", "Mail domain",
     "What stands behind the @; several are possible"},
    {"mailbox", AnswerKind::kText, "", "", "Address of the first mailbox",
     "none: no mailbox is made"},
    {"password-file", AnswerKind::kText, "", "", "", "Its first line is the mailbox's password"},
    {"generate-password", AnswerKind::kYesNo, "", "no", "",
     "Make a random password for the mailbox and show it once"},
    {"administrator", AnswerKind::kText, "", "", "Who gets mail for postmaster and abuse",
     "An address; RFC 2142 wants somebody to read these"},
    {"database", AnswerKind::kText, "", "DB1", "", "Name of the first database"},
    {"database-path", AnswerKind::kText, "", "", "", "Its folder; DATA/databases/NAME"},
    {"imap", AnswerKind::kYesNo, "", "yes", "Serve IMAP", "Mail programs read over it"},
    {"pop3", AnswerKind::kYesNo, "", "no", "Serve POP3", "For programs that fetch mail away"},
    {"web", AnswerKind::kYesNo, "", "",
     "Let mail programs set themselves up from an address (port 80, 443)",
     "Autoconfig, Autodiscover, profiles for phones"},
    {"send", AnswerKind::kChoice, "direct|smart-host|none", "", "How mail leaves",
     "direct: to the hosts that the DNS names; smart-host: through another server; none: not yet"},
    {"smart-host", AnswerKind::kText, "", "", "Server that takes our mail (HOST or HOST:PORT)",
     "With send = smart-host"},
    {"smart-host-user", AnswerKind::kText, "", "", "Name to log in there with, or none",
     "none: no log-in"},
    {"smart-host-password-file", AnswerKind::kText, "", "", "File with the password there",
     "Its first line is the password"},
    {"certificate", AnswerKind::kChoice, "self-signed|files|acme", "self-signed", "Certificate",
     "self-signed: to begin with; files: PEM files that you have; acme: ordered and renewed by the "
     "server itself"},
    {"certificate-file", AnswerKind::kText, "", "", "File with the certificate and its chain",
     "With certificate = files"},
    {"key-file", AnswerKind::kText, "", "", "File with its key", "With certificate = files"},
    {"agree-terms", AnswerKind::kYesNo, "", "no",
     "Do you agree to the terms of the authority (Let's Encrypt)", "With certificate = acme"},
    {"acme-directory", AnswerKind::kText, "", "", "",
     "The authority's ACME directory, an https URL; Let's Encrypt's"},
    {"acme-ca-file", AnswerKind::kText, "", "", "", "Authorities of that server's own certificate"},
    {"acme-challenge", AnswerKind::kChoice, "http-01|tls-alpn-01", "http-01", "",
     "How names are proved: at port 80, or at port 443"},
    {"dkim", AnswerKind::kChoice, "rsa|ed25519|both|none", "", "Sign mail with a DKIM key of kind",
     "A key for each domain; signing begins once its record is published"},
    {"dmarc", AnswerKind::kChoice, "none|quarantine|reject", "none",
     "What others are to do with mail that only claims to be ours (DMARC)",
     "none to begin with: look at reports first"},
    {"reports-to", AnswerKind::kText, "", "", "Who gets reports of others (DMARC, TLS)",
     "An address, or none"},
    {"public-address", AnswerKind::kList, "", "", "Addresses that the world reaches this server by",
     "Where they are not this machine's own"},
    {"authority", AnswerKind::kList, "", "", "",
     "Who may issue certificates, as letsencrypt.org (CAA)"},
    {"spf", AnswerKind::kList, "", "", "",
     "Who else sends for the domains, as include:relay.example.net"},
    {"mta-sts", AnswerKind::kChoice, "off|testing|enforce", "off", "",
     "Policy for senders to use TLS and check the certificate; wants one of an authority, and web"},
    {"tlsa", AnswerKind::kYesNo, "", "no", "", "Publish the key for DANE; the zone must be signed"},
    {"port-base", AnswerKind::kNumber, "", "", "",
     "Listen on N+25, N+143 and so on, on loopback: for trials"},
    {"bind", AnswerKind::kList, "", "", "", "Addresses to listen on; all"},
    {"start", AnswerKind::kChoice, "auto|detached|no", "auto", "",
     "auto: by systemd where it runs; detached: by this command; no: you do it"}};

constexpr std::size_t kAnswerBytesMax = 4096;
constexpr std::size_t kAnswerFileBytesMax = 64 * 1024;

std::vector<std::string> words_of_answer(std::string_view text) {
  std::vector<std::string> out;
  for (const std::string_view word : split(text, ' '))
    if (!word.empty()) out.emplace_back(word);
  return out;
}

bool is_none(std::string_view value) { return value.empty() || value == "none"; }

std::string wrong_domain(std::string_view value) {
  const auto domain = directory::canonical_domain(value);
  return domain ? std::string() : domain.error().text;
}

std::string wrong_address(std::string_view value) {
  if (is_none(value)) return {};
  const auto address = directory::parse_address(value);
  return address ? std::string() : address.error().text;
}

std::string wrong_ip(std::string_view value) {
  const bool good = value.find('/') == std::string_view::npos && Network::parse(value);
  return good ? std::string() : std::string("not an IP address");
}

// Why `value` cannot be; empty: it can.
std::string why_wrong(const AnswerKey& key, const std::string& value) {
  if (value.size() > kAnswerBytesMax) return "too long";
  if (value.find_first_of("\r\n") != std::string::npos) return "more than one line";
  if (value.empty()) return {};
  if (key.kind == AnswerKind::kYesNo)
    return value == "yes" || value == "no" ? "" : "must be yes or no";
  if (key.kind == AnswerKind::kNumber) return parse_u64(value) ? "" : "must be a number";
  if (key.kind == AnswerKind::kChoice) {
    const auto choices = split(key.choices, '|');
    if (std::ranges::find(choices, value) != choices.end()) return {};
    return fmt::format("must be one of {}", fmt::join(choices, ", "));
  }
  if (key.key == "hostname")
    return supervisor::is_host_name(value) ? "" : "not a full host name such as mail.example.org";
  if (key.key == "mailbox" || key.key == "administrator" || key.key == "reports-to")
    return wrong_address(value);
  for (const std::string& word : words_of_answer(value)) {
    std::string wrong;
    if (key.key == "domain" || key.key == "authority") wrong = wrong_domain(word);
    if (key.key == "public-address" || key.key == "bind") wrong = wrong_ip(word);
    if (!wrong.empty()) return word + ": " + wrong;
  }
  return {};
}

std::string file_key(std::string_view key) {
  std::string out(key);
  std::ranges::replace(out, '-', '_');
  return out;
}

// A value of the file as text; nullopt: of a type that fits nothing.
std::optional<std::string> text_of_node(const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) return text;
  if (const auto flag = node.value_exact<bool>()) return *flag ? "yes" : "no";
  if (const auto number = node.value_exact<std::int64_t>()) return std::to_string(*number);
  const toml::array* list = node.as_array();
  if (list == nullptr) return std::nullopt;
  std::string out;
  for (const toml::node& one : *list) {
    const auto text = one.value_exact<std::string>();
    if (!text) return std::nullopt;
    out += (out.empty() ? "" : " ") + *text;
  }
  return out;
}

std::unexpected<Failure> wrong_line(const toml::source_region& where, const std::string& text) {
  return usage(fmt::format("answers line {}: {}", where.begin.line, text));
}

std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

std::span<const AnswerKey> answer_keys() { return kAnswerKeys; }

const AnswerKey* find_answer_key(std::string_view key) {
  const auto at = std::ranges::find(kAnswerKeys, key, &AnswerKey::key);
  return at == std::end(kAnswerKeys) ? nullptr : &*at;
}

Outcome<> Answers::set(std::string_view key, const std::string& value) {
  const AnswerKey* known = find_answer_key(key);
  if (known == nullptr) return usage(fmt::format("unknown answer {}", key));
  if (const std::string why = why_wrong(*known, value); !why.empty())
    return usage(fmt::format("{} \"{}\": {}", key, escape_for_log(value), why));
  given_[std::string(key)] = value;
  return {};
}

bool Answers::given(std::string_view key) const { return given_.contains(key); }

std::string Answers::text(std::string_view key) const {
  if (const auto at = given_.find(key); at != given_.end()) return at->second;
  if (const auto at = proposed_.find(key); at != proposed_.end()) return at->second;
  const AnswerKey* known = find_answer_key(key);
  return known == nullptr ? std::string() : std::string(known->fallback);
}

std::vector<std::string> Answers::list(std::string_view key) const {
  const std::string all = text(key);
  return is_none(all) ? std::vector<std::string>() : words_of_answer(all);
}

void Answers::propose(std::string_view key, std::string value) {
  proposed_[std::string(key)] = std::move(value);
}

Outcome<> read_answers(std::string_view text, Answers& answers) {
  if (text.size() > kAnswerFileBytesMax) return usage("answers: the file is too large");
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed)
    return wrong_line(parsed.error().source(), std::string(parsed.error().description()));
  for (const auto& [key, node] : parsed.table()) {
    std::string name(key.str());
    std::ranges::replace(name, '_', '-');
    if (find_answer_key(name) == nullptr)
      return wrong_line(key.source(), fmt::format("unknown key \"{}\"; see: hauspost setup "
                                                  "--print-answers",
                                                  escape_for_log(key.str())));
    const auto value = text_of_node(node);
    if (!value)
      return wrong_line(
          key.source(),
          fmt::format("{} must be a text, a list of texts, true or false", key.str()));
    if (answers.given(name)) continue;
    if (auto set = answers.set(name, *value); !set)
      return wrong_line(key.source(), set.error().text);
  }
  return {};
}

std::string answers_template(const Answers& answers) {
  std::string out =
      "# Answers for: hauspost setup --unattended --answers FILE\n"
      "# A line that is missing means what stands here, unless it is of this machine.\n";
  for (const AnswerKey& key : kAnswerKeys) {
    out += fmt::format("\n# {}", key.help);
    if (key.kind == AnswerKind::kChoice)
      out += fmt::format(" ({})", fmt::join(split(key.choices, '|'), ", "));
    out += '\n';
    const std::string value = answers.text(key.key);
    std::string shown = toml_text(value);
    if (key.kind == AnswerKind::kYesNo && !value.empty()) shown = value == "yes" ? "true" : "false";
    if (key.kind == AnswerKind::kNumber && !value.empty()) shown = value;
    if (key.kind == AnswerKind::kList) {
      shown = "[";
      for (const std::string& word : words_of_answer(value))
        shown += (shown.size() > 1 ? ", " : "") + toml_text(word);
      shown += "]";
    }
    out += fmt::format("{}{} = {}\n", value.empty() ? "# " : "", file_key(key.key), shown);
  }
  return out;
}

Outcome<> check_answers(const Answers& answers, bool new_root) {
  const auto missing = [](std::string_view key, std::string_view why) {
    return usage(fmt::format("{}: give --{}, or {} in the answers", why, key, file_key(key)));
  };
  if (new_root && answers.text("hostname").empty())
    return missing("hostname", "this machine has no full host name");
  if (answers.text("send") == "smart-host" && is_none(answers.text("smart-host")))
    return missing("smart-host", "mail is to leave through a smart host");
  const bool login = !is_none(answers.text("smart-host-user"));
  if (login && answers.text("smart-host-password-file").empty())
    return missing("smart-host-password-file", "the smart host wants a password");
  if (answers.text("certificate") == "files" &&
      (answers.text("certificate-file").empty() || answers.text("key-file").empty()))
    return missing("certificate-file", "certificate and key are to come from files");
  if (answers.text("certificate") == "acme" && !answers.yes("agree-terms"))
    return missing("agree-terms", "the authority wants its terms agreed to");
  const std::string mailbox = answers.text("mailbox");
  if (!is_none(mailbox)) {
    const auto address = directory::parse_address(mailbox);
    if (!address)
      return usage(
          fmt::format("mailbox \"{}\": {}", escape_for_log(mailbox), address.error().text));
  }
  return {};
}

}  // namespace hauspost::cli
