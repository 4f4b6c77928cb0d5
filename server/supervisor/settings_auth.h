// Section [auth] of hauspost.toml: where passwords, tokens and certificates are checked.
#pragma once

#include "server/auth/source_settings.h"
#include "server/supervisor/settings_section.h"

namespace hauspost::supervisor {

// kInvalid with one line, as parse_settings(). Relative paths are below the data root.
Result<> read_auth(const toml::table& file, const std::string& data_root,
                   auth::SourceSettings& sources, std::string& client_ca_file);

// kInvalid: a file that [auth] names cannot be read; the text names its key. A file of keys may
// come later.
Result<> check_auth_files(const auth::SourceSettings& sources, const std::string& client_ca_file);

}  // namespace hauspost::supervisor
