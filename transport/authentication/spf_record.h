// SPF records and macros (RFC 7208 sections 4.6.1, 5, 6 and 7): grammar alone, nothing is asked.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hauspost::mailauth {

// An address as octets in network order; IPv4 written as IPv6 is IPv4.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};  // the first four of IPv4
  bool v6 = false;

  static std::optional<IpAddress> parse(std::string_view text);
  std::string to_string() const;
  // True when the first `bits` are equal, and both are of the same kind.
  bool shares(const IpAddress& other, unsigned bits) const;
};

struct SpfMechanism {
  enum class Kind : std::uint8_t { kAll, kInclude, kA, kMx, kPtr, kIp4, kIp6, kExists };
  Kind kind = Kind::kAll;
  char qualifier = '+';     // + - ~ ?
  std::string domain_spec;  // with its macros; empty: the domain that is checked
  unsigned prefix4 = 32;
  unsigned prefix6 = 128;
  IpAddress network;  // of kIp4 and kIp6
};

struct SpfRecord {
  std::vector<SpfMechanism> mechanisms;
  std::optional<std::string> redirect;  // domain-spec
  std::optional<std::string> exp;
};

// True for a TXT record that claims to be SPF: those that do not are none of our business.
bool is_spf_record(std::string_view text);
// REQUIRES: is_spf_record(). The error names what is wrong: "permerror".
std::expected<SpfRecord, std::string> parse_spf_record(std::string_view text);

// What macros stand for.
struct SpfMacros {
  std::string sender;  // local@domain
  std::string domain;  // being checked
  IpAddress client;
  std::string helo;
  std::string receiver;
  std::int64_t time_s = 0;
  std::string validated;  // of %{p}
};
// True when expanding needs SpfMacros::validated.
bool uses_validated_name(std::string_view text);
// nullopt: not a macro-string; %{c}, %{r} and %{t} are so outside of explanations.
std::optional<std::string> expand_macros(std::string_view text, const SpfMacros& macros,
                                         bool explanation);

// A name that can be asked for: what is too long loses labels on its left (section 7.3).
std::string fit_domain(std::string name);
// Section 4.3: at least two labels, none empty or longer than 63.
bool is_checkable_domain(std::string_view name);

}  // namespace hauspost::mailauth
