// RFC 2231: parameters in pieces (name*0, name*1), with a charset (name*) or both (name*0*).
#include "base/text.h"
#include "store/mime/charset.h"
#include "store/mime/content.h"

namespace hauspost::mime {

namespace {

struct PieceName {
  std::string_view base;
  std::optional<std::size_t> number;
  bool encoded = false;
};

PieceName split_name(std::string_view name) {
  PieceName piece;
  if (name.ends_with('*')) {
    piece.encoded = true;
    name.remove_suffix(1);
  }
  const std::size_t star = name.rfind('*');
  if (star != std::string_view::npos) {
    if (const auto number = parse_u64(name.substr(star + 1))) {
      piece.number = static_cast<std::size_t>(*number);
      name = name.substr(0, star);
    }
  }
  piece.base = name;
  return piece;
}

std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = text[i] == '%' ? from_hex(text.substr(i + 1, 2)) : std::nullopt;
    if (byte && byte->size() == 1) {
      out += *byte;
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Splits charset'language'text off the first encoded piece.
std::string_view take_charset(std::string_view& value) {
  const std::size_t first = value.find('\'');
  if (first == std::string_view::npos) return {};
  const std::size_t second = value.find('\'', first + 1);
  if (second == std::string_view::npos) return {};
  const std::string_view charset = value.substr(0, first);
  value.remove_prefix(second + 1);
  return charset;
}

struct Found {
  const Parameter* parameter = nullptr;
  bool encoded = false;
};

// The parameter `name` without a number, or its piece `number`.
Found find_piece(const std::vector<Parameter>& parameters, std::string_view name,
                 std::optional<std::size_t> number) {
  for (const Parameter& parameter : parameters) {
    const PieceName piece = split_name(parameter.name);
    if (piece.number == number && iequals(piece.base, name)) return {&parameter, piece.encoded};
  }
  return {};
}

}  // namespace

std::optional<std::string> decoded_parameter(const std::vector<Parameter>& parameters,
                                             std::string_view name) {
  for (const Parameter& parameter : parameters) {
    if (iequals(parameter.name, name)) return parameter.value;
  }
  std::string bytes;
  std::string_view charset;
  const auto add = [&](const Found& found, bool first) {
    std::string_view value = found.parameter->value;
    if (found.encoded && first) charset = take_charset(value);
    bytes += found.encoded ? percent_decode(value) : std::string(value);
  };
  if (const Found whole = find_piece(parameters, name, std::nullopt); whole.parameter != nullptr) {
    add(whole, true);
  } else {
    std::size_t number = 0;
    for (Found piece; number < parameters.size(); ++number) {
      piece = find_piece(parameters, name, number);
      if (piece.parameter == nullptr) break;
      add(piece, number == 0);
    }
    if (number == 0) return std::nullopt;
  }
  return text_to_utf8(charset, bytes);
}

std::string decoded_parameters_text(const std::vector<Parameter>& parameters) {
  std::string text;
  for (const Parameter& parameter : parameters) {
    const PieceName piece = split_name(parameter.name);
    const bool starts = piece.number ? *piece.number == 0 : piece.encoded;
    if (!starts) continue;
    const auto value = decoded_parameter(parameters, piece.base);
    if (!value) continue;
    if (!text.empty()) text += ' ';
    text.append(piece.base).append("=").append(*value);
  }
  return text;
}

}  // namespace hauspost::mime
