#include "store/mime/content.h"

#include "base/text.h"
#include "store/mime/header_scanner.h"
#include "store/mime/lexer.h"

namespace hauspost::mime {

namespace {

// Words up to the next ';'. More than one unquoted word is against RFC 2045, but file names with
// bare spaces are common and losing their end helps nobody.
std::string parameter_value(Lexer& lexer) {
  std::string value;
  lexer.skip_cfws();
  for (bool first = true; !lexer.at_end() && lexer.peek() != ';'; first = false) {
    if (!first) value += ' ';
    if (lexer.peek() == '"') {
      value += lexer.quoted_string();
    } else {
      const std::string_view word = lexer.word(";(\"");
      value += word;
    }
    lexer.skip_cfws();
  }
  return value;
}

// *(";" attribute "=" value), RFC 2045 section 5.1.
std::vector<Parameter> parse_parameters(Lexer& lexer, const Limits& limits) {
  std::vector<Parameter> parameters;
  while (!lexer.at_end() && parameters.size() < limits.parameters_max) {
    lexer.skip_cfws();
    if (lexer.accept(';')) continue;
    const std::string_view name = lexer.word("=;(\"");
    lexer.skip_cfws();
    if (!lexer.accept('=')) {
      if (!lexer.at_end() && lexer.peek() == '"') {
        lexer.quoted_string();
      } else {
        lexer.until(";\"");
      }
      continue;
    }
    std::string value = parameter_value(lexer);
    if (is_token(name)) parameters.push_back({std::string(name), std::move(value)});
  }
  return parameters;
}

std::string_view cut(std::string_view raw) { return raw.substr(0, kFieldBytesMax); }

}  // namespace

bool ContentType::is(std::string_view wanted_type, std::string_view wanted_subtype) const {
  return iequals(type, wanted_type) && iequals(subtype, wanted_subtype);
}

bool ContentType::is_text() const { return iequals(type, "text"); }

std::optional<ContentType> parse_content_type(std::string_view raw, const Limits& limits) {
  Lexer lexer(cut(raw));
  ContentType found;
  lexer.skip_cfws();
  const std::string_view type = lexer.word("/;(");
  lexer.skip_cfws();
  if (!lexer.accept('/')) return std::nullopt;
  lexer.skip_cfws();
  const std::string_view subtype = lexer.word(";(");
  if (!is_token(type) || !is_token(subtype)) return std::nullopt;
  found.type = type;
  found.subtype = subtype;
  found.parameters = parse_parameters(lexer, limits);
  return found;
}

std::optional<Disposition> parse_disposition(std::string_view raw, const Limits& limits) {
  Lexer lexer(cut(raw));
  lexer.skip_cfws();
  const std::string_view kind = lexer.word(";(=");
  if (!is_token(kind)) return std::nullopt;
  Disposition found{std::string(kind), {}};
  found.parameters = parse_parameters(lexer, limits);
  return found;
}

std::string parse_transfer_encoding(std::string_view raw) {
  Lexer lexer(cut(raw));
  lexer.skip_cfws();
  const std::string_view token = lexer.word(";(,");
  return std::string(is_token(token) ? token : "7bit");
}

std::vector<std::string> parse_languages(std::string_view raw, const Limits& limits) {
  Lexer lexer(cut(raw));
  std::vector<std::string> tags;
  while (tags.size() < limits.parameters_max) {
    lexer.skip_cfws();
    if (lexer.at_end()) break;
    const std::string_view tag = lexer.word(",;(");
    if (is_token(tag)) tags.emplace_back(tag);
    if (tag.empty()) lexer.skip();
  }
  return tags;
}

}  // namespace hauspost::mime
