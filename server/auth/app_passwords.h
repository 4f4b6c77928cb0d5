// App passwords: made here, for one device each, so random that a fast keyed hash is enough.
#pragma once

#include "server/auth/credentials.h"

namespace hauspost::auth {

inline constexpr std::uint32_t kUseNotedEvery_s = 300;  // at most one write in this time

// Five groups of four from an alphabet of 32 without look-alikes: 100 bits.
Secret make_app_password();
// Null: none of them. `tag` is VerifierStore's of what was typed.
const AppPassword* find_app_password(const StoredCredentials& credentials, std::string_view tag);
bool should_note_use(const AppPassword& password, std::int64_t now_s);

}  // namespace hauspost::auth
