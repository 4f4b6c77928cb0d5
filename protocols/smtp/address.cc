#include "protocols/smtp/address.h"

#include <arpa/inet.h>

#include "base/text.h"
#include "protocols/smtp/limits.h"

namespace hauspost::smtp {

namespace {

bool is_high(char c) { return static_cast<unsigned char>(c) >= 0x80; }
bool is_let_dig(char c) { return is_alpha(c) || is_digit(c) || is_high(c); }

// atext (RFC 5322 section 3.2.3) and UTF8-non-ascii (RFC 6531 section 3.3).
bool is_atext(char c) {
  return is_let_dig(c) || std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

std::unexpected<Fault> fault(std::size_t offset, std::string_view rule) {
  return std::unexpected(Fault{offset, rule});
}

// Dot-string = Atom *("." Atom)
ParseResult<std::string> parse_dot_string(std::string_view text) {
  std::size_t at = 0;
  for (;;) {
    const std::size_t atom = at;
    while (at < text.size() && is_atext(text[at])) ++at;
    if (at == atom) return fault(at, "Dot-string");
    if (at == text.size() || text[at] != '.') break;
    ++at;
  }
  return Parsed<std::string>{std::string(text.substr(0, at)), at};
}

// Quoted-string = DQUOTE *QcontentSMTP DQUOTE
ParseResult<std::string> parse_quoted_string(std::string_view text) {
  std::string value;
  for (std::size_t at = 1; at < text.size(); ++at) {
    char c = text[at];
    if (c == '"') return Parsed<std::string>{std::move(value), at + 1};
    if (c == '\\') {
      if (++at == text.size()) break;
      c = text[at];
      if (is_high(c)) return fault(at, "quoted-pairSMTP");
    }
    if (c < ' ' && !is_high(c)) return fault(at, "qtextSMTP");
    if (c == 0x7f) return fault(at, "qtextSMTP");
    value += c;
  }
  return fault(text.size(), "Quoted-string");
}

// Domain = sub-domain *("." sub-domain)
ParseResult<std::string> parse_domain(std::string_view text, bool underscores) {
  std::size_t at = 0;
  for (;;) {
    const std::size_t label = at;
    while (at < text.size() &&
           (is_let_dig(text[at]) || text[at] == '-' || (underscores && text[at] == '_')))
      ++at;
    if (at == label || text[label] == '-' || text[at - 1] == '-') return fault(label, "sub-domain");
    if (at - label > kLabelMax) return fault(label, "sub-domain length");
    if (at == text.size() || text[at] != '.') break;
    ++at;
  }
  if (at > kDomainMax) return fault(0, "Domain length");
  return Parsed<std::string>{std::string(text.substr(0, at)), at};
}

bool is_ip(int family, std::string_view text) {
  unsigned char bytes[16];
  return text.find('\0') == std::string_view::npos &&
         inet_pton(family, std::string(text).c_str(), bytes) == 1;
}

// General-address-literal = Standardized-tag ":" 1*dcontent
bool is_general_literal(std::string_view inside) {
  const std::size_t colon = inside.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == inside.size()) return false;
  for (const char c : inside.substr(0, colon)) {
    if (is_high(c) || !(is_let_dig(c) || c == '-')) return false;
  }
  for (const char c : inside.substr(colon + 1)) {
    if (c < '!' || c > '~' || c == '[' || c == '\\') return false;
  }
  return inside[colon - 1] != '-';
}

// address-literal (RFC 5321 section 4.1.3)
ParseResult<std::string> parse_address_literal(std::string_view text) {
  const std::size_t end = text.find(']');
  if (end == std::string_view::npos || end > kDomainMax) return fault(0, "address-literal");
  const std::string_view inside = text.substr(1, end - 1);
  const bool ipv6 = istarts_with(inside, "IPv6:");
  const bool good = ipv6 ? is_ip(AF_INET6, inside.substr(5))
                         : is_ip(AF_INET, inside) || is_general_literal(inside);
  if (!good) return fault(1, "address-literal");
  return Parsed<std::string>{std::string(text.substr(0, end + 1)), end + 1};
}

ParseResult<std::string> parse_domain_or_literal(std::string_view text, bool underscores) {
  if (text.starts_with('[')) return parse_address_literal(text);
  return parse_domain(text, underscores);
}

// A-d-l = At-domain *( "," At-domain ) ":"; returns the octets up to and with the colon.
std::expected<std::size_t, Fault> skip_source_route(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && text[at] == '@') {
    const auto domain = parse_domain_or_literal(text.substr(at + 1), false);
    if (!domain) return fault(at + 1 + domain.error().offset, domain.error().rule);
    at += 1 + domain->consumed;
    if (at < text.size() && text[at] == ':') return at + 1;
    if (at == text.size() || text[at] != ',') break;
    ++at;
  }
  return fault(at, "A-d-l");
}

bool is_dot_string(std::string_view local) {
  const auto parsed = parse_dot_string(local);
  return parsed && parsed->consumed == local.size();
}

std::string quote(std::string_view local) {
  std::string out = "\"";
  for (const char c : local) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

std::string Address::to_string() const {
  std::string out = is_dot_string(local) ? local : quote(local);
  if (!domain.empty()) out += "@" + domain;
  return out;
}

bool Address::is_ascii() const {
  const auto ascii = [](const std::string& text) {
    return std::none_of(text.begin(), text.end(), is_high);
  };
  return ascii(local) && ascii(domain);
}

ParseResult<Address> parse_mailbox(std::string_view text) {
  auto local = text.starts_with('"') ? parse_quoted_string(text) : parse_dot_string(text);
  if (!local) return std::unexpected(local.error());
  const std::size_t at = local->consumed;
  if (at > kLocalPartMax + (text.starts_with('"') ? 2 : 0)) return fault(0, "Local-part length");
  if (at == text.size() || text[at] != '@') return fault(at, "Mailbox");
  auto domain = parse_domain_or_literal(text.substr(at + 1), false);
  if (!domain) return fault(at + 1 + domain.error().offset, domain.error().rule);
  const std::size_t consumed = at + 1 + domain->consumed;
  if (!is_valid_utf8(text.substr(0, consumed))) return fault(0, "UTF-8");
  return Parsed<Address>{{std::move(local->value), std::move(domain->value)}, consumed};
}

ParseResult<Path> parse_path(std::string_view text) {
  if (!text.starts_with('<')) return fault(0, "Path");
  if (text.starts_with("<>")) return Parsed<Path>{std::nullopt, 2};
  std::size_t at = 1;
  constexpr std::string_view kPostmaster = "<postmaster>";
  if (istarts_with(text, kPostmaster)) {  // section 4.1.1.3: the one address without a domain
    Address postmaster{std::string(text.substr(1, kPostmaster.size() - 2)), {}};
    return Parsed<Path>{std::move(postmaster), kPostmaster.size()};
  }
  if (text.size() > 1 && text[1] == '@') {
    const auto route = skip_source_route(text.substr(1));
    if (!route) return fault(1 + route.error().offset, route.error().rule);
    at += *route;
  }
  auto mailbox = parse_mailbox(text.substr(at));
  if (!mailbox) return fault(at + mailbox.error().offset, mailbox.error().rule);
  if (mailbox->consumed + 2 > kPathMax) return fault(at, "Path length");
  at += mailbox->consumed;
  if (at == text.size() || text[at] != '>') return fault(at, "Path");
  return Parsed<Path>{std::move(mailbox->value), at + 1};
}

bool is_host_name(std::string_view text) {
  if (text.empty() || std::any_of(text.begin(), text.end(), is_high)) return false;
  const auto parsed = parse_domain_or_literal(text, true);
  return parsed && parsed->consumed == text.size();
}

std::optional<std::string> decode_xtext(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '+') {
      const std::string_view digits = text.substr(at + 1, 2);
      const auto upper = [](char d) { return is_digit(d) || (d >= 'A' && d <= 'F'); };
      if (digits.size() != 2 || !upper(digits[0]) || !upper(digits[1])) return std::nullopt;
      out += *from_hex(digits);
      at += 2;
    } else if (c < '!' || c > '~' || c == '=') {
      return std::nullopt;
    } else {
      out += c;
    }
  }
  return out;
}

std::string encode_xtext(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    if (c < '!' || c > '~' || c == '+' || c == '=')
      out += "+" + ascii_upper(to_hex({&c, 1}));
    else
      out += c;
  }
  return out;
}

std::optional<Address> address_from(std::string_view text) {
  auto parsed = parse_mailbox(text);
  if (!parsed || parsed->consumed != text.size()) return std::nullopt;
  return std::move(parsed->value);
}

}  // namespace hauspost::smtp
