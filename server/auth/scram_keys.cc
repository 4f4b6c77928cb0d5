#include "server/auth/scram_keys.h"

#include "base/random.h"

namespace hauspost::auth {

namespace {

constexpr std::size_t kSaltBytes = 16;
using crypto::Digest;

Scram new_base(const directory::AuthSettings& settings) {
  std::uint8_t salt[kSaltBytes];
  random_bytes(salt);
  return {std::string(reinterpret_cast<const char*>(salt), sizeof salt),
          static_cast<std::uint32_t>(settings.scram_iterations),
          {}};
}

bool has(const sasl::ScramKeys& keys) { return !keys.stored_key.empty(); }

}  // namespace

Scram scram_base(const directory::AuthSettings& settings, const StoredCredentials& stored) {
  if (!stored.scram) return new_base(settings);
  return {stored.scram->salt, stored.scram->iterations, {}};
}

std::optional<Scram> scram_for(const directory::AuthSettings& settings,
                               const StoredCredentials& stored, const Secret& password) {
  const bool bound = stored.scram && !stored.app_passwords.empty();
  if (!settings.scram() && !bound) return std::nullopt;
  Scram scram = bound ? scram_base(settings, stored) : new_base(settings);
  if (settings.scram_sha_256)
    scram.password.sha_256 =
        sasl::scram_keys(Digest::kSha256, password, scram.salt, scram.iterations);
  if (settings.scram_sha_1)
    scram.password.sha_1 = sasl::scram_keys(Digest::kSha1, password, scram.salt, scram.iterations);
  return scram;
}

bool is_scram_stale(const directory::AuthSettings& settings, const StoredCredentials& stored) {
  if (!stored.scram) return settings.scram();
  const ScramKeySet& keys = stored.scram->password;
  if (has(keys.sha_256) != settings.scram_sha_256 || has(keys.sha_1) != settings.scram_sha_1)
    return true;
  return settings.scram() && stored.app_passwords.empty() &&
         stored.scram->iterations != settings.scram_iterations;
}

ScramKeySet app_password_keys(const Secret& password, const Scram& base) {
  return {sasl::scram_keys(Digest::kSha256, password, base.salt, base.iterations),
          sasl::scram_keys(Digest::kSha1, password, base.salt, base.iterations)};
}

}  // namespace hauspost::auth
