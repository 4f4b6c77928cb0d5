#include "transport/authentication/spf_record.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace hauspost::mailauth {

namespace {

using Fault = std::unexpected<std::string>;
using Kind = SpfMechanism::Kind;

constexpr std::string_view kVersion = "v=spf1";
constexpr std::size_t kTermsMax = 1000;

struct MechanismRule {
  std::string_view name;
  Kind kind;
  enum class Argument : std::uint8_t { kNone, kNeeded, kOptional } domain;
  bool prefix;
};
constexpr MechanismRule kRules[] = {
    {"all", Kind::kAll, MechanismRule::Argument::kNone, false},
    {"include", Kind::kInclude, MechanismRule::Argument::kNeeded, false},
    {"a", Kind::kA, MechanismRule::Argument::kOptional, true},
    {"mx", Kind::kMx, MechanismRule::Argument::kOptional, true},
    {"ptr", Kind::kPtr, MechanismRule::Argument::kOptional, false},
    {"ip4", Kind::kIp4, MechanismRule::Argument::kNeeded, true},
    {"ip6", Kind::kIp6, MechanismRule::Argument::kNeeded, true},
    {"exists", Kind::kExists, MechanismRule::Argument::kNeeded, false},
};

std::optional<unsigned> parse_prefix(std::string_view digits, unsigned most) {
  if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits.front() == '0'))
    return std::nullopt;
  const auto number = parse_u64(digits);
  if (!number || *number > most) return std::nullopt;
  return static_cast<unsigned>(*number);
}

// Takes "/24//64", "/24" or "//64" off the end of `text`. False: there is one that cannot be.
bool take_prefixes(std::string_view& text, SpfMechanism& out) {
  const auto digits_at_end = [&] {
    std::size_t at = text.size();
    while (at > 0 && is_digit(text[at - 1])) --at;
    return at;
  };
  std::size_t at = digits_at_end();
  if (at < text.size() && at >= 2 && text.substr(at - 2, 2) == "//") {
    const auto prefix = parse_prefix(text.substr(at), 128);
    if (!prefix) return false;
    out.prefix6 = *prefix;
    text = text.substr(0, at - 2);
    at = digits_at_end();
  }
  if (at < text.size() && at >= 1 && text[at - 1] == '/') {
    const auto prefix = parse_prefix(text.substr(at), 32);
    if (!prefix) return false;
    out.prefix4 = *prefix;
    text = text.substr(0, at - 1);
  }
  return true;
}

// toplabel of section 7.1: letters, digits and inner hyphens, not digits alone.
bool is_top_label(std::string_view label) {
  return !label.empty() && label.front() != '-' && label.back() != '-' &&
         std::ranges::all_of(label,
                             [](char c) { return is_alpha(c) || is_digit(c) || c == '-'; }) &&
         !std::ranges::all_of(label, is_digit);
}

bool is_macro_string(std::string_view text) {
  return expand_macros(text, SpfMacros{}, true).has_value();
}

// macro-string domain-end
bool is_domain_spec(std::string_view text) {
  if (!expand_macros(text, SpfMacros{}, false)) return false;
  if (text.ends_with('}')) {
    // Is the last "}" the end of a macro? An expanded text without it would not parse.
    const std::size_t open = text.rfind("%{");
    if (open != std::string_view::npos && text.find('}', open) == text.size() - 1) return true;
  }
  if (text.ends_with('.')) text.remove_suffix(1);
  const std::size_t dot = text.rfind('.');
  return dot != std::string_view::npos && dot > 0 && is_top_label(text.substr(dot + 1));
}

std::optional<IpAddress> parse_kind(std::string_view text, int family) {
  IpAddress address;
  const std::string plain(text);
  if (::inet_pton(family, plain.c_str(), address.bytes.data()) != 1) return std::nullopt;
  address.v6 = family == AF_INET6;
  return address;
}

std::expected<SpfMechanism, std::string> parse_network(std::string_view text, SpfMechanism out) {
  const bool v6 = out.kind == Kind::kIp6;
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const auto prefix = parse_prefix(text.substr(slash + 1), v6 ? 128 : 32);
    if (!prefix) return Fault("bad prefix length");
    (v6 ? out.prefix6 : out.prefix4) = *prefix;
  }
  const auto network = parse_kind(text.substr(0, slash), v6 ? AF_INET6 : AF_INET);
  if (!network) return Fault("bad address");
  out.network = *network;
  return out;
}

std::expected<SpfMechanism, std::string> parse_mechanism(std::string_view term) {
  SpfMechanism out;
  if (!term.empty() && std::string_view("+-~?").find(term.front()) != std::string_view::npos) {
    out.qualifier = term.front();
    term.remove_prefix(1);
  }
  const std::size_t name_end = std::min(term.find_first_of(":/"), term.size());
  const std::string name = ascii_lower(term.substr(0, name_end));
  std::string_view rest = term.substr(name_end);
  const auto* rule = std::ranges::find(kRules, name, &MechanismRule::name);
  if (rule == std::end(kRules)) return Fault("unknown mechanism");
  out.kind = rule->kind;
  const bool colon = rest.starts_with(':');
  if (out.kind == Kind::kIp4 || out.kind == Kind::kIp6) {
    if (!colon) return Fault("no address");
    return parse_network(rest.substr(1), std::move(out));
  }
  if (rule->prefix && !take_prefixes(rest, out)) return Fault("bad prefix length");
  if (!colon) {
    if (!rest.empty()) return Fault("what stands behind the name is wrong");
    if (rule->domain == MechanismRule::Argument::kNeeded) return Fault("no domain");
    return out;
  }
  if (rule->domain == MechanismRule::Argument::kNone) return Fault("takes no domain");
  rest.remove_prefix(std::min<std::size_t>(rest.size(), 1));
  if (!is_domain_spec(rest)) return Fault("bad domain");
  out.domain_spec = rest;
  return out;
}

bool is_modifier_name(std::string_view name) {
  return !name.empty() && is_alpha(name.front()) && std::ranges::all_of(name, [](char c) {
    return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
  });
}

std::string take_modifier(std::string_view name, std::string_view value, SpfRecord& record) {
  const bool redirect = iequals(name, "redirect");
  if (!redirect && !iequals(name, "exp"))
    return is_macro_string(value) ? std::string() : "bad macro in a modifier";
  auto& to = redirect ? record.redirect : record.exp;
  if (to) return "a modifier twice";
  if (!is_domain_spec(value)) return "bad domain in a modifier";
  to = std::string(value);
  return {};
}

// ---- Macros

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
    if (plain)
      out += c;
    else
      out += "%" + ascii_upper(to_hex(std::string_view(&c, 1)));
  }
  return out;
}

// %{i}: dotted, IPv6 a nibble a label.
std::string dotted(const IpAddress& address) {
  if (!address.v6) return address.to_string();
  const std::string hex =
      ascii_upper(to_hex({reinterpret_cast<const char*>(address.bytes.data()), 16}));
  std::string out;
  for (const char c : hex) {
    if (!out.empty()) out += '.';
    out += c;
  }
  return out;
}

std::optional<std::string> letter_value(char letter, const SpfMacros& macros, bool explanation) {
  const std::size_t at = macros.sender.rfind('@');
  const bool whole = at == std::string::npos;
  switch (letter) {
    case 's': return macros.sender;
    case 'l': return whole ? std::string("postmaster") : macros.sender.substr(0, at);
    case 'o': return whole ? macros.sender : macros.sender.substr(at + 1);
    case 'd': return macros.domain;
    case 'i': return dotted(macros.client);
    case 'p': return macros.validated;
    case 'v': return std::string(macros.client.v6 ? "ip6" : "in-addr");
    case 'h': return macros.helo;
    default: break;
  }
  if (!explanation) return std::nullopt;
  switch (letter) {
    case 'c': return macros.client.to_string();
    case 'r': return macros.receiver;
    case 't': return std::to_string(macros.time_s);
    default: return std::nullopt;
  }
}

std::string transformed(std::string_view value, std::string_view delimiters, bool reverse,
                        std::size_t keep) {
  std::vector<std::string_view> pieces;
  for (std::size_t at = 0; at <= value.size();) {
    const std::size_t end = std::min(value.find_first_of(delimiters, at), value.size());
    pieces.push_back(value.substr(at, end - at));
    at = end + 1;
  }
  if (reverse) std::ranges::reverse(pieces);
  std::string out;
  const std::size_t first = keep < pieces.size() ? pieces.size() - keep : 0;
  for (std::size_t i = first; i < pieces.size(); ++i) {
    if (i > first) out += '.';
    out += pieces[i];
  }
  return out;
}

// What stands between "%{" and "}".
std::optional<std::string> expand_one(std::string_view body, const SpfMacros& macros,
                                      bool explanation) {
  if (body.empty()) return std::nullopt;
  const char letter = body.front();
  body.remove_prefix(1);
  auto value = letter_value(ascii_lower(letter), macros, explanation);
  if (!value) return std::nullopt;
  std::size_t digits = 0;
  while (digits < body.size() && is_digit(body[digits])) ++digits;
  std::size_t keep = SIZE_MAX;
  if (digits > 0) {
    const auto number = parse_u64(body.substr(0, digits));
    if (number && *number == 0) return std::nullopt;
    if (number) keep = static_cast<std::size_t>(*number);
    body.remove_prefix(digits);
  }
  const bool reverse = !body.empty() && ascii_lower(body.front()) == 'r';
  if (reverse) body.remove_prefix(1);
  if (body.find_first_not_of(".-+,/_=") != std::string_view::npos) return std::nullopt;
  if (digits > 0 || reverse || !body.empty())
    value = transformed(*value, body.empty() ? "." : body, reverse, keep);
  return is_alpha(letter) && letter < 'a' ? percent_encoded(*value) : *value;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (auto v4 = parse_kind(text, AF_INET)) return v4;
  auto v6 = parse_kind(text, AF_INET6);
  if (!v6) return std::nullopt;
  constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(v6->bytes.data(), kMapped, sizeof kMapped) != 0) return v6;
  IpAddress v4;
  std::copy_n(v6->bytes.begin() + sizeof kMapped, 4, v4.bytes.begin());
  return v4;
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof text);
  return text;
}

bool IpAddress::shares(const IpAddress& other, unsigned bits) const {
  if (v6 != other.v6) return false;
  const std::size_t whole = bits / 8;
  if (std::memcmp(bytes.data(), other.bytes.data(), whole) != 0) return false;
  const unsigned left = bits % 8;
  return left == 0 || (bytes[whole] ^ other.bytes[whole]) >> (8 - left) == 0;
}

bool is_spf_record(std::string_view text) {
  return istarts_with(text, kVersion) && (text.size() == kVersion.size() || text[6] == ' ');
}

std::expected<SpfRecord, std::string> parse_spf_record(std::string_view text) {
  SpfRecord record;
  std::size_t terms = 0;
  for (const std::string_view term : split(text.substr(kVersion.size()), ' ')) {
    if (term.empty()) continue;
    if (++terms > kTermsMax) return Fault("too many terms");
    const std::size_t equals = term.find('=');
    if (equals != std::string_view::npos && is_modifier_name(term.substr(0, equals))) {
      std::string fault = take_modifier(term.substr(0, equals), term.substr(equals + 1), record);
      if (!fault.empty()) return Fault(std::move(fault));
      continue;
    }
    auto mechanism = parse_mechanism(term);
    if (!mechanism) return Fault(mechanism.error() + " in \"" + escape_for_log(term, 80) + "\"");
    record.mechanisms.push_back(std::move(*mechanism));
  }
  return record;
}

bool uses_validated_name(std::string_view text) {
  return text.find("%{p") != std::string_view::npos || text.find("%{P") != std::string_view::npos;
}

std::optional<std::string> expand_macros(std::string_view text, const SpfMacros& macros,
                                         bool explanation) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c != '%') {
      const bool literal = c > 0x20 && c < 0x7f;
      if (!literal && !(explanation && c == ' ')) return std::nullopt;
      out += c;
      continue;
    }
    if (++at >= text.size()) return std::nullopt;
    switch (text[at]) {
      case '%': out += '%'; continue;
      case '_': out += ' '; continue;
      case '-': out += "%20"; continue;
      case '{': break;
      default: return std::nullopt;
    }
    const std::size_t end = text.find('}', at);
    if (end == std::string_view::npos) return std::nullopt;
    auto value = expand_one(text.substr(at + 1, end - at - 1), macros, explanation);
    if (!value) return std::nullopt;
    out += *value;
    at = end;
  }
  return out;
}

std::string fit_domain(std::string name) {
  constexpr std::size_t kNameMax = 253;
  while (name.ends_with('.')) name.pop_back();
  if (name.size() <= kNameMax) return name;
  // At once: macros can make it a megabyte of short labels.
  std::size_t dot = name.find('.', name.size() - kNameMax - 1);
  if (dot == std::string::npos) dot = name.rfind('.');
  if (dot != std::string::npos) name.erase(0, dot + 1);
  return name;
}

bool is_checkable_domain(std::string_view name) {
  constexpr std::size_t kNameMax = 253;
  constexpr std::size_t kLabelMax = 63;
  if (name.ends_with('.')) name.remove_suffix(1);
  const auto labels = split(name, '.');
  return name.size() <= kNameMax && labels.size() >= 2 && !name.starts_with('[') &&
         std::ranges::all_of(labels, [](std::string_view label) {
           return !label.empty() && label.size() <= kLabelMax;
         });
}

}  // namespace hauspost::mailauth
