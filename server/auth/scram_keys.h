// Which SCRAM keys are kept beside a verifier, and when they are out of date.
#pragma once

#include "server/auth/credentials.h"
#include "server/directory/auth_settings.h"

namespace hauspost::auth {

// What should stand beside the verifier of `password`, which is prepared, from now on. Salt and
// iterations stay as long as there are app passwords, whose keys hang on them. nullopt: nothing.
// Takes about 1 us an iteration and hash.
std::optional<Scram> scram_for(const directory::AuthSettings& settings,
                               const StoredCredentials& stored, const Secret& password);
// True when scram_for() would make something else than what is stored.
bool is_scram_stale(const directory::AuthSettings& settings, const StoredCredentials& stored);
// The salt and iterations that a new app password's keys are made with.
Scram scram_base(const directory::AuthSettings& settings, const StoredCredentials& stored);
// Keys of both hashes.
ScramKeySet app_password_keys(const Secret& password, const Scram& base);

}  // namespace hauspost::auth
