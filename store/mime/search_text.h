// What SEARCH looks at in a message: one definition for the scan and for the index.
#pragma once

#include <string>
#include <string_view>

#include "store/search/zone.h"

namespace hauspost::mime {

// Most folded text of one message that an index takes; what lies behind it is found by reading.
inline constexpr std::size_t kIndexedTextMax = 16 << 20;

// Every text that body_contains() and field_contains() look at, folded. Agrees with them byte for
// byte. False: stopped at kIndexedTextMax.
bool extract_search_text(std::string_view message, const store::SearchTextSink& sink);

// True when a field of that name and unfolded value contains the needle: in its decoded text or,
// when it holds addresses, in their names and plain forms.
bool field_contains(std::string_view name, std::string_view value, std::string_view folded_needle);
bool holds_addresses(std::string_view field_name);

}  // namespace hauspost::mime
