// Addresses and paths as SMTP commands carry them (RFC 5321 section 4.1.2, RFC 6531 section 3.3).
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace hauspost::smtp {

struct Address {
  std::string local;   // unquoted: what the quotes and backslashes mean
  std::string domain;  // as written; "[192.0.2.1]" for a literal; empty for a bare <Postmaster>

  // local@domain, the local part quoted when it must be.
  std::string to_string() const;
  bool is_ascii() const;
  bool operator==(const Address&) const = default;
};

// Where and by which rule the text was wrong.
struct Fault {
  std::size_t offset = 0;
  std::string_view rule;
};
template <class T>
struct Parsed {
  T value;
  std::size_t consumed = 0;
};
template <class T>
using ParseResult = std::expected<Parsed<T>, Fault>;

// Mailbox = Local-part "@" ( Domain / address-literal ), at the start of `text`.
ParseResult<Address> parse_mailbox(std::string_view text);

// Path = "<" [ A-d-l ":" ] Mailbox ">", "<>" (nullopt) or "<Postmaster>". A source route is checked
// and ignored (section 3.6.1).
using Path = std::optional<Address>;
ParseResult<Path> parse_path(std::string_view text);

// Domain or address-literal, the whole text: what EHLO names. Underscores are let through in host
// names (clients send them).
bool is_host_name(std::string_view text);

// xtext (RFC 3461 section 4): nullopt when `text` is none.
std::optional<std::string> decode_xtext(std::string_view text);
std::string encode_xtext(std::string_view bytes);

// The address of a directory or session as one: text that parses as a mailbox from end to end.
std::optional<Address> address_from(std::string_view text);

}  // namespace hauspost::smtp
