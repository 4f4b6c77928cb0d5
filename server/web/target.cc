#include "server/web/target.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "protocols/smtp/address.h"

namespace hauspost::web {

namespace {

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const auto octet = i + 2 < text.size() ? from_hex(text.substr(i + 1, 2)) : std::nullopt;
      if (!octet) return std::nullopt;
      out += *octet;
      i += 2;
    }
  }
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (!is_valid_utf8(out) || std::ranges::any_of(out, control)) return std::nullopt;
  return out;
}

bool is_plain_path(std::string_view path) {
  if (!path.starts_with('/')) return false;
  if (path == "/") return true;
  std::string_view rest = path.substr(1);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  return std::ranges::none_of(split(rest, '/'), [](std::string_view segment) {
    return segment.empty() || segment == "." || segment == "..";
  });
}

std::string_view without_authority(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!istarts_with(target, scheme)) continue;
    const std::size_t slash = target.find('/', scheme.size());
    return slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  return target;
}

}  // namespace

std::optional<Target> parse_target(std::string_view target) {
  if (target.size() > kTargetBytesMax) return std::nullopt;
  target = without_authority(target);
  target = target.substr(0, target.find('#'));
  const std::size_t mark = target.find('?');
  const auto path = percent_decode(target.substr(0, mark), false);
  if (!path || !is_plain_path(*path)) return std::nullopt;
  Target out{*path, {}};
  if (mark == std::string_view::npos) return out;
  const std::string_view query = target.substr(mark + 1);
  for (const std::string_view one : split(query, '&')) {
    if (one.empty()) continue;
    const std::size_t equals = std::min(one.find('='), one.size());
    const auto name = percent_decode(one.substr(0, equals), true);
    const auto value = percent_decode(one.substr(std::min(equals + 1, one.size())), true);
    if (!name || !value || out.query.size() >= kQueryFieldsMax) return std::nullopt;
    out.query.emplace_back(*name, *value);
  }
  return out;
}

std::string host_name(std::string_view host) {
  host = host.substr(0, host.find(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  if (!smtp::is_host_name(host) || host.starts_with('[')) return {};
  return ascii_lower(host);
}

namespace {

std::string encode(std::string_view text, std::string_view also_plain) {
  std::string out;
  for (const char c : text) {
    if (is_alpha(c) || is_digit(c) || also_plain.find(c) != std::string_view::npos)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return out;
}

constexpr std::string_view kUnreserved = "-._~";

}  // namespace

std::string percent_encode(std::string_view text) { return encode(text, kUnreserved); }

std::string percent_encode_path(std::string_view path) {
  return encode(path, std::string(kUnreserved) + "/@");
}

}  // namespace hauspost::web
