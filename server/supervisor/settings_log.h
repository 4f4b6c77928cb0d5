// [log] as text.
#pragma once

#include "server/supervisor/log_settings.h"
#include "server/supervisor/settings_section.h"

namespace hauspost::supervisor {

// kInvalid as parse_settings().
Result<> read_log(const toml::table& file, const std::string& data_root, LogSettings& settings);
// Empty when everything is as it is by default.
std::string format_log(const LogSettings& settings);

}  // namespace hauspost::supervisor
