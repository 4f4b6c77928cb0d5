// SASLprep (RFC 4013): one spelling for names and passwords that look the same. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hauspost::sasl {

// ASCII without controls comes out as it is. nullopt: not UTF-8, or something that RFC 4013 section
// 2.3 and 2.4 prohibit. Code points that Unicode 3.2 did not know are let through (RFC 3454 section
// 7: "queries"), or passwords of today could not be typed.
std::optional<std::string> saslprep(std::string_view utf8);

}  // namespace hauspost::sasl
