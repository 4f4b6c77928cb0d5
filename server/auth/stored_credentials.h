// Stored forms (stored.proto) of credentials.h. Included from this folder only. from_stored:
// kCorrupt.
#pragma once

#include "base/result.h"
#include "server/auth/credentials.h"

namespace hauspost::auth {

std::string to_stored(const Scram& scram);
Result<Scram> scram_from_stored(std::string_view bytes);
std::string to_stored(const AppPassword& password);
Result<AppPassword> app_password_from_stored(std::uint64_t id, std::string_view bytes);

}  // namespace hauspost::auth
