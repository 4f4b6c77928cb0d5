// What a request asks for: its target taken apart (RFC 3986), and whose name it was sent to. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/web/http.h"

namespace hauspost::web {

struct Target {
  std::string path;  // decoded; begins with "/"
  Fields query;      // decoded; "+" is a space
};
inline constexpr std::size_t kTargetBytesMax = 2'048;
inline constexpr std::size_t kQueryFieldsMax = 32;

// Origin form, or absolute form whose host is not looked at. nullopt: neither, too long, a wrong
// percent sign, an octet that is none of a text (a control, NUL, wrong UTF-8), or a path with "."
// or ".." or an empty segment in it.
std::optional<Target> parse_target(std::string_view target);

// The name in a Host field, lower case and without its port; empty when there is none to tell
// domains by, such as an address.
std::string host_name(std::string_view host);

// For the query of a URL: everything but unreserved characters is encoded.
std::string percent_encode(std::string_view text);
// For a path: its slashes stay.
std::string percent_encode_path(std::string_view path);

}  // namespace hauspost::web
