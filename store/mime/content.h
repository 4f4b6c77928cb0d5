// The structured MIME fields: Content-Type, Content-Disposition, Content-Transfer-Encoding,
// Content-Language (RFC 2045, RFC 2183, RFC 3282) and their parameters (RFC 2231).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/mime/message.h"

namespace hauspost::mime {

struct Parameter {
  std::string name;   // as written, with its RFC 2231 asterisks
  std::string value;  // without quoting, otherwise as written
};

struct ContentType {
  std::string type = "text";
  std::string subtype = "plain";
  std::vector<Parameter> parameters;

  bool is(std::string_view wanted_type, std::string_view wanted_subtype) const;
  bool is_text() const;
};
// nullopt: not "type/subtype" (RFC 2045 section 5.2: the default applies).
std::optional<ContentType> parse_content_type(std::string_view raw, const Limits& limits);

struct Disposition {
  std::string kind;
  std::vector<Parameter> parameters;
};
std::optional<Disposition> parse_disposition(std::string_view raw, const Limits& limits);

// The token of Content-Transfer-Encoding; "7bit" when it is empty or no token.
std::string parse_transfer_encoding(std::string_view raw);
// The language tags of Content-Language.
std::vector<std::string> parse_languages(std::string_view raw, const Limits& limits);

// The value of a parameter with RFC 2231 continuations joined and its charset turned into UTF-8.
std::optional<std::string> decoded_parameter(const std::vector<Parameter>& parameters,
                                             std::string_view name);
// Every parameter that RFC 2231 encodes, decoded, as "name=value" separated by spaces; empty when
// there is none.
std::string decoded_parameters_text(const std::vector<Parameter>& parameters);

}  // namespace hauspost::mime
