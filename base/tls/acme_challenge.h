// The answer to tls-alpn-01 (RFC 8737): whoever connects with the ALPN protocol "acme-tls/1" and
// the name that is to be proved is shown a certificate made for the proof alone, and no other
// client ever sees it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/tls/certificate.h"

struct ssl_ctx_st;
struct ssl_early_callback_ctx;

namespace hauspost::tls {

inline constexpr std::string_view kAlpnAcme = "acme-tls/1";

// Section 3: self-signed, for `host_name` alone, with the critical extension acmeIdentifier that
// holds `digest`, the 32 octets of SHA-256 over the key authorization. kInvalid: not a host name,
// or a digest of another length.
Result<CertificatePair> make_challenge_certificate(const std::string& host_name,
                                                   std::string_view digest);

// What is to be proved now. Contexts that use it share it, so that a renewed certificate does not
// cost an order its proof. REQUIRES: one thread.
class AcmeChallenges {
 public:
  static constexpr std::size_t kNamesMax = 100;

  AcmeChallenges();
  ~AcmeChallenges();
  AcmeChallenges(const AcmeChallenges&) = delete;
  AcmeChallenges& operator=(const AcmeChallenges&) = delete;

  // Exactly these from now on: host name to key authorization. kInvalid as above, kExhausted: too
  // many; then nothing has changed.
  Result<> replace(const std::map<std::string, std::string>& key_authorizations);

  std::size_t size() const { return contexts_.size(); }
  // Null: nothing is to be proved for that name, in whatever case.
  ssl_ctx_st* find(std::string_view host_name) const;

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const noexcept;
  };
  std::map<std::string, std::unique_ptr<ssl_ctx_st, Free>> contexts_;  // by name, lower case
};

// Connections of `context` answer with what `challenges` has. kInternal: no memory.
Result<> answer_challenges(ssl_ctx_st* context, std::shared_ptr<const AcmeChallenges> challenges);

// The context for a client that wants a proof: null when this one does not. A wish for a proof that
// there is not is kNotFound: the handshake has to fail. Private to base/tls.
Result<ssl_ctx_st*> challenge_context(const ssl_early_callback_ctx* hello,
                                      std::string_view server_name);

}  // namespace hauspost::tls
