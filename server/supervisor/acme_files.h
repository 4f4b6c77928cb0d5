// AcmeFiles: what the supervisor keeps of certificates that it orders. DATA/tls/acme/NAME.pem is
// the certificate with its chain and key, one file, so that they change together;
// NAME.previous.pem what it was before; NAME.json how the order stands. DATA/secrets/acme has a key
// of our account for each server and the keys of external accounts.
#pragma once

#include <string>

#include "base/crypto/p256_key.h"

namespace hauspost::supervisor {

// How an order stands. Times are Unix seconds; 0: not yet.
struct AcmeState {
  std::int64_t last_try_s = 0;
  std::int64_t next_try_s = 0;  // 0: at once
  std::int64_t issued_s = 0;    // when the certificate came that is there
  std::int64_t not_before_s = 0;
  std::int64_t not_after_s = 0;
  std::uint32_t failures = 0;    // tries since the last that went well
  std::uint32_t unfinished = 0;  // of them, begun and never ended: the server died meanwhile
  std::string error;             // of the last try; empty: it went well
  std::string error_type;        // "rateLimited"; see acme::Problem::type
};

// All of it blocks, for some flushes at most. REQUIRES: one writer.
class AcmeFiles {
 public:
  explicit AcmeFiles(std::string data_root) : root_(std::move(data_root)) {}

  // The key of our account at that server; made and kept when there is none yet.
  Result<crypto::P256Key> account_key(std::string_view directory) const;
  // HMAC key of the order's external account. kNotFound.
  Result<Secret> eab_key(const std::string& name) const;
  Result<> keep_eab_key(const std::string& name, const Secret& key) const;

  std::string certificate_path(const std::string& name) const;
  // kNotFound: none was issued yet.
  Result<Secret> certificate(const std::string& name) const;
  // The present one becomes the previous. A crash leaves the one or the other.
  Result<> install(const std::string& name, std::string_view certificate_pem,
                   std::string_view key_pem) const;
  // The previous one again; false: there was none, and now there is none at all.
  Result<bool> take_back(const std::string& name) const;

  // What was never kept, or cannot be read, is as new.
  AcmeState state(const std::string& name) const;
  Result<> keep_state(const std::string& name, const AcmeState& state) const;
  // State and external key; the certificate stays.
  Result<> forget(const std::string& name) const;

 private:
  std::string tls_path(const std::string& name, std::string_view end) const;
  std::string secret_path(std::string_view file) const;
  std::string previous_path(const std::string& name) const;

  std::string root_;
};

// When the next certificate is to be ordered: at two thirds of the life of this one, give or take
// a little, so that servers made on one day do not all ask at once. `share` is from 0 to 1.
std::int64_t acme_renewal_s(std::int64_t not_before_s, std::int64_t not_after_s, double share);
// Seconds until the next try after that many failures: five minutes, doubling up to a day, and up
// to a tenth more. `share` as above.
std::int64_t acme_pause_s(std::uint32_t failures, double share);

}  // namespace hauspost::supervisor
