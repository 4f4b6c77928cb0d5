// The values of filters as words.
#pragma once

#include <string_view>

namespace hauspost::directory {

// Of which there is one, without a name.
bool is_single_filter(std::string_view kind);

}  // namespace hauspost::directory
