// What a report says to people: plain English for a status code (RFC 3463).
#pragma once

#include <string>
#include <string_view>

namespace hauspost::transport {

// One or two sentences: what is wrong, and what the sender can do. Never empty; an unknown code
// gets what its class allows to say.
std::string_view advice_for(std::string_view status);

// `text` in lines of at most 76 columns, each starting with `indent` and ending in CRLF. A word
// that is longer stands alone.
std::string wrap(std::string_view text, std::string_view indent);

}  // namespace hauspost::transport
