#include "server/directory/names.h"

#include <fmt/format.h>
#include <unicode/uidna.h>

#include <algorithm>
#include <memory>

#include "base/text.h"

namespace hauspost::directory {

namespace {

std::unexpected<Error> refuse(std::string_view what, std::string_view value, std::string_view why) {
  return fail(ErrorCode::kInvalid, fmt::format("{} \"{}\" {}", what, escape_for_log(value), why));
}

bool is_alnum(char c) { return is_alpha(c) || is_digit(c); }
bool is_high(char c) { return static_cast<unsigned char>(c) >= 0x80; }

bool is_ascii(std::string_view text) { return std::ranges::none_of(text, is_high); }

// RFC 5322 section 3.2.3 atext, and UTF-8 (RFC 6531 section 3.3).
bool is_atext(char c) {
  constexpr std::string_view kSpecials = "!#$%&'*+-/=?^_`{|}~";
  return is_alnum(c) || is_high(c) || kSpecials.find(c) != std::string_view::npos;
}

std::optional<std::string> to_a_labels(std::string_view domain) {
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UIDNA, decltype(&uidna_close)> idna(
      uidna_openUTS46(UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ | UIDNA_NONTRANSITIONAL_TO_ASCII |
                          UIDNA_USE_STD3_RULES,
                      &status),
      &uidna_close);
  if (U_FAILURE(status)) return std::nullopt;
  char out[kDomainMax + 3];
  UIDNAInfo info = UIDNA_INFO_INITIALIZER;
  const std::int32_t length =
      uidna_nameToASCII_UTF8(idna.get(), domain.data(), static_cast<std::int32_t>(domain.size()),
                             out, sizeof out, &info, &status);
  if (U_FAILURE(status) || info.errors != 0) return std::nullopt;
  return std::string(out, static_cast<std::size_t>(length));
}

bool is_domain(std::string_view name) {
  if (name.empty() || name.size() > kDomainMax) return false;
  const auto labels = split(name, '.');
  return std::ranges::all_of(labels, [](std::string_view label) {
    return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
           std::ranges::all_of(label, [](char c) { return is_alnum(c) || c == '-'; });
  });
}

}  // namespace

Result<> check_database_name(std::string_view name) {
  const auto wrong = [&](std::string_view why) { return refuse("database name", name, why); };
  if (name.empty()) return wrong("is empty");
  if (name.size() > kDatabaseNameMax)
    return wrong(fmt::format("is longer than {} characters", kDatabaseNameMax));
  const auto fits = [](char c) {
    return is_alnum(c) || c == ' ' || c == '-' || c == '_' || c == '.';
  };
  if (!std::ranges::all_of(name, fits))
    return wrong("may hold only letters, digits, spaces, '-', '_' and '.'");
  if (!is_alnum(name.front())) return wrong("must begin with a letter or a digit");
  if (name.back() == ' ' || name.back() == '.') return wrong("must not end in a space or a dot");
  return {};
}

Result<std::string> canonical_domain(std::string_view domain) {
  const std::string_view given = domain;
  if (domain.ends_with('.')) domain.remove_suffix(1);
  std::string name = ascii_lower(domain);
  if (!is_ascii(name)) {
    // Longer than any name could be even before it is encoded: do not trouble the converter.
    auto encoded =
        name.size() <= 4 * kDomainMax && is_valid_utf8(name) ? to_a_labels(name) : std::nullopt;
    if (!encoded) return refuse("domain", given, "is not a valid international domain name");
    name = ascii_lower(*encoded);
  }
  if (!is_domain(name)) {
    return refuse("domain", given, "is not a domain name such as example.org");
  }
  return name;
}

std::string Address::key() const { return ascii_lower(local) + "@" + domain; }

Result<Address> split_address(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size())
    return refuse("address", text, "is not of the form name@domain");
  if (at > kLocalPartMax)
    return refuse("address", text,
                  fmt::format("has more than {} octets before the @", kLocalPartMax));
  TRY_ASSIGN(std::string domain, canonical_domain(text.substr(at + 1)));
  return Address{std::string(text.substr(0, at)), std::move(domain)};
}

Result<Address> parse_address(std::string_view text) {
  TRY_ASSIGN(Address address, split_address(text));
  if (!is_valid_utf8(address.local)) return refuse("address", text, "is not UTF-8");
  for (const std::string_view atom : split(address.local, '.')) {
    if (atom.empty() || !std::ranges::all_of(atom, is_atext))
      return refuse("address", text, "has a name before the @ that mail does not allow");
  }
  return address;
}

Result<> check_display_name(std::string_view name) {
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (name.size() > kDisplayNameMax)
    return refuse("display name", name, fmt::format("is longer than {} octets", kDisplayNameMax));
  if (!is_valid_utf8(name) || std::ranges::any_of(name, control))
    return refuse("display name", name, "holds control characters or is not UTF-8");
  return {};
}

}  // namespace hauspost::directory
