#include "protocols/smtp/parameters.h"

#include <fmt/format.h>

#include <chrono>

#include "base/text.h"
#include "protocols/smtp/limits.h"

namespace hauspost::smtp {

namespace {

struct Parameter {
  std::string_view keyword;
  std::optional<std::string_view> value;
};

template <class Command>
struct Rule {
  std::string_view keyword;
  bool (*apply)(const Parameter&, Command&);  // false: bad value
};

// esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
bool is_keyword(std::string_view text) {
  if (text.empty() || text.front() == '-') return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alpha(c) || is_digit(c) || c == '-'; });
}

bool apply_size(const Parameter& parameter, MailCommand& mail) {
  constexpr std::size_t kDigitsMax = 20;  // RFC 1870 section 4
  if (!parameter.value || parameter.value->size() > kDigitsMax) return false;
  mail.size = parse_u64(*parameter.value);
  return mail.size.has_value();
}

bool apply_body(const Parameter& parameter, MailCommand& mail) {
  if (!parameter.value) return false;
  if (iequals(*parameter.value, "7BIT"))
    mail.body = BodyType::k7Bit;
  else if (iequals(*parameter.value, "8BITMIME"))
    mail.body = BodyType::k8BitMime;
  else if (iequals(*parameter.value, "BINARYMIME"))
    mail.body = BodyType::kBinaryMime;
  return mail.body.has_value();
}

bool apply_smtputf8(const Parameter& parameter, MailCommand& mail) {
  mail.smtputf8 = true;
  return !parameter.value;
}

bool apply_ret(const Parameter& parameter, MailCommand& mail) {
  if (!parameter.value) return false;
  if (iequals(*parameter.value, "FULL"))
    mail.ret = Ret::kFull;
  else if (iequals(*parameter.value, "HDRS"))
    mail.ret = Ret::kHeaders;
  return mail.ret.has_value();
}

// Decoded text must be printable: it will stand in a field of a report one day.
bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

bool apply_envid(const Parameter& parameter, MailCommand& mail) {
  const auto decoded = decode_xtext(parameter.value.value_or(""));
  if (!decoded || decoded->empty() || decoded->size() > kEnvidMax || !is_printable(*decoded))
    return false;
  mail.envid = *decoded;
  return true;
}

// AUTH=<> or an xtext-encoded mailbox (RFC 4954 section 5)
bool apply_auth(const Parameter& parameter, MailCommand& mail) {
  if (!parameter.value) return false;
  if (*parameter.value == "<>") {
    mail.auth = "";
    return true;
  }
  const auto decoded = decode_xtext(*parameter.value);
  if (!decoded || !address_from(*decoded)) return false;
  mail.auth = *decoded;
  return true;
}

bool apply_require_tls(const Parameter& parameter, MailCommand& mail) {
  mail.require_tls = true;
  return !parameter.value;
}

// An optional sign and 1 to `digits_max` digits.
std::optional<std::int64_t> parse_signed(std::string_view text, std::size_t digits_max,
                                         std::string_view signs) {
  const bool negative = text.starts_with('-');
  if (!text.empty() && signs.find(text.front()) != std::string_view::npos) text.remove_prefix(1);
  if (text.empty() || text.size() > digits_max) return std::nullopt;
  const auto value = parse_u64(text);
  if (!value) return std::nullopt;
  return negative ? -static_cast<std::int64_t>(*value) : static_cast<std::int64_t>(*value);
}

// priority-value = (["-"] NZDIGIT) / "0" (RFC 6710 section 4.1)
bool apply_priority(const Parameter& parameter, MailCommand& mail) {
  const auto value = parse_signed(parameter.value.value_or(""), 1, "-");
  if (!value || parameter.value == "-0") return false;
  mail.priority = static_cast<std::int8_t>(*value);
  return true;
}

// future-release-interval = 1*9DIGIT, not zero (RFC 4865 section 5)
bool apply_hold_for(const Parameter& parameter, MailCommand& mail) {
  const auto value = parse_signed(parameter.value.value_or(""), 9, "");
  if (!value || *value == 0 || mail.hold_until_s) return false;
  mail.hold_for_s = static_cast<std::uint32_t>(*value);
  return true;
}

std::optional<unsigned> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  const auto value = parse_u64(text.substr(0, digits));
  text.remove_prefix(digits);
  if (!value) return std::nullopt;
  return static_cast<unsigned>(*value);
}
bool take_char(std::string_view& text, std::string_view one_of) {
  if (text.empty() || one_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// Internet-style-date-time-no-fraction (RFC 3339 section 5.6 without time-secfrac)
std::optional<std::int64_t> parse_date_time(std::string_view text) {
  const auto year = take_number(text, 4);
  if (!year || !take_char(text, "-")) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take_char(text, "-")) return std::nullopt;
  const auto day = take_number(text, 2);
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month),
                                         std::chrono::day(day.value_or(0))};
  if (!day || !date.ok() || !take_char(text, "Tt")) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take_char(text, ":")) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || *minute > 59 || !take_char(text, ":")) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second || *second > 60 || text.empty()) return std::nullopt;
  std::int64_t at = std::chrono::sys_days(date).time_since_epoch().count() * 86'400LL +
                    *hour * 3'600LL + *minute * 60LL + *second;
  if (text == "Z" || text == "z") return at;
  const bool east = text.front() == '+';
  if (!take_char(text, "+-")) return std::nullopt;
  const auto hours = take_number(text, 2);
  if (!hours || *hours > 23 || !take_char(text, ":")) return std::nullopt;
  const auto minutes = take_number(text, 2);
  if (!minutes || *minutes > 59 || !text.empty()) return std::nullopt;
  const std::int64_t offset = *hours * 3'600LL + *minutes * 60LL;
  return east ? at - offset : at + offset;
}

bool apply_hold_until(const Parameter& parameter, MailCommand& mail) {
  if (mail.hold_for_s) return false;
  mail.hold_until_s = parse_date_time(parameter.value.value_or(""));
  return mail.hold_until_s.has_value();
}

// by-value = by-time ";" by-mode [by-trace] (RFC 2852 section 4); mode R needs a positive time
bool apply_by(const Parameter& parameter, MailCommand& mail) {
  const std::string_view value = parameter.value.value_or("");
  const std::size_t semicolon = value.find(';');
  if (semicolon == std::string_view::npos) return false;
  const auto seconds = parse_signed(value.substr(0, semicolon), 9, "+-");
  std::string_view mode = value.substr(semicolon + 1);
  if (!seconds || mode.empty()) return false;
  DeliverBy by{.seconds = static_cast<std::int32_t>(*seconds)};
  by.notify = ascii_upper(mode.front()) == 'N';
  if (!take_char(mode, "NnRr") || (!by.notify && by.seconds <= 0)) return false;
  by.trace = take_char(mode, "Tt");
  mail.deliver_by = by;
  return mode.empty();
}

bool apply_notify(const Parameter& parameter, RcptCommand& rcpt) {
  if (!parameter.value) return false;
  NotifyBits bits = 0;
  for (const std::string_view word : split(*parameter.value, ',')) {
    NotifyBits bit = 0;
    if (iequals(word, "NEVER")) bit = kNotifyNever;
    if (iequals(word, "SUCCESS")) bit = kNotifySuccess;
    if (iequals(word, "FAILURE")) bit = kNotifyFailure;
    if (iequals(word, "DELAY")) bit = kNotifyDelay;
    if (bit == 0) return false;
    bits |= bit;
  }
  if ((bits & kNotifyNever) != 0 && bits != kNotifyNever) return false;
  rcpt.notify = bits;
  return true;
}

// ORCPT = atom ";" xtext (RFC 3461 section 4.2), or "utf-8" (RFC 6533 section 3)
bool apply_orcpt(const Parameter& parameter, RcptCommand& rcpt) {
  const std::string_view value = parameter.value.value_or("");
  const std::size_t semicolon = value.find(';');
  if (semicolon == std::string_view::npos || value.size() > kOrcptMax) return false;
  if (!is_keyword(value.substr(0, semicolon)) || semicolon + 1 == value.size()) return false;
  const bool utf8 = iequals(value.substr(0, semicolon), "utf-8");
  const auto decoded = decode_xtext(value.substr(semicolon + 1));
  if (!utf8 && (!decoded || !is_printable(*decoded))) return false;
  rcpt.orcpt = std::string(value);
  return true;
}

constexpr Rule<MailCommand> kMailRules[] = {
    {"SIZE", apply_size},
    {"BODY", apply_body},
    {"SMTPUTF8", apply_smtputf8},
    {"RET", apply_ret},
    {"ENVID", apply_envid},
    {"AUTH", apply_auth},
    {"REQUIRETLS", apply_require_tls},
    {"MT-PRIORITY", apply_priority},
    {"HOLDFOR", apply_hold_for},
    {"HOLDUNTIL", apply_hold_until},
    {"BY", apply_by},
};
constexpr Rule<RcptCommand> kRcptRules[] = {{"NOTIFY", apply_notify}, {"ORCPT", apply_orcpt}};

// The next " KEY[=value]" of `text` from `at` on, which moves behind it.
Parameter take_parameter(std::string_view text, std::size_t& at) {
  const std::size_t end = std::min(text.find(' ', at), text.size());
  const std::string_view whole = text.substr(at, end - at);
  at = end;
  const std::size_t equals = whole.find('=');
  if (equals == std::string_view::npos) return {whole, std::nullopt};
  return {whole.substr(0, equals), whole.substr(equals + 1)};
}

template <class Command>
std::optional<ParameterFault> parse_all(std::string_view text, std::span<const Rule<Command>> rules,
                                        Command& command) {
  std::uint32_t seen = 0;  // one bit a rule
  for (std::size_t at = 0;;) {
    at = text.find_first_not_of(' ', at);
    if (at == std::string_view::npos) return std::nullopt;
    const std::size_t offset = at;
    const Parameter parameter = take_parameter(text, at);
    if (!is_keyword(parameter.keyword)) {
      return ParameterFault{{501, "5.5.4", "Bad parameter"}, offset};
    }
    const auto rule = std::find_if(rules.begin(), rules.end(), [&](const Rule<Command>& r) {
      return iequals(r.keyword, parameter.keyword);
    });
    if (rule == rules.end()) {
      return ParameterFault{{555, "5.5.4", "Unknown parameter"}, offset};
    }
    const std::uint32_t bit = 1U << (rule - rules.begin());
    if ((seen & bit) != 0 || !rule->apply(parameter, command)) {
      return ParameterFault{{501, "5.5.4", fmt::format("Bad parameter {}", rule->keyword)}, offset};
    }
    seen |= bit;
  }
}

}  // namespace

std::optional<ParameterFault> parse_parameters(std::string_view text, MailCommand& mail) {
  return parse_all(text, std::span<const Rule<MailCommand>>(kMailRules), mail);
}

std::optional<ParameterFault> parse_parameters(std::string_view text, RcptCommand& rcpt) {
  return parse_all(text, std::span<const Rule<RcptCommand>>(kRcptRules), rcpt);
}

}  // namespace hauspost::smtp
