// TlsContext: one certificate and the policy of every port. Connections made from it keep what they
// need, so a context may be replaced while they live.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"

struct ssl_ctx_st;

namespace hauspost::tls {

class AcmeChallenges;
class TicketKeys;

// PEM text: the leaf first, then intermediates; the leaf's key.
struct PemPair {
  std::string chain;
  Secret key;
};

// Policy: TLS 1.2 and 1.3; ECDHE with AES-GCM or ChaCha20-Poly1305; X25519, P-256, P-384; no SHA-1
// signatures; session tickets under keys in memory that are renewed; no renegotiation, no 0-RTT.
class TlsContext {
 public:
  // From PEM text: leaf first, then intermediates. kInvalid: it does not parse, or the key does not
  // belong to the leaf.
  static Result<TlsContext> server(std::string_view chain_pem, std::string_view key_pem);
  // Several certificates: each client is shown the one for the name it asks for, of the kind of key
  // that it can check; the first is for everybody else. `tickets` null: the library's own keys.
  // Clients are asked for a certificate of an authority in `client_roots_pem`, and served without
  // one too; empty: they are not asked. REQUIRES: pairs is not empty. Errors as above.
  static Result<TlsContext> server(std::span<const PemPair> pairs,
                                   std::shared_ptr<TicketKeys> tickets,
                                   std::string_view client_roots_pem = {});
  // Reads both files first; kNotFound and kDenied name the file. Blocks.
  static Result<TlsContext> server_from_files(const std::string& chain_file,
                                              const std::string& key_file);
  // Of a server's: clients that want a proof are shown what `challenges` has (acme_challenge.h), and
  // their handshake fails when it has none. kInternal: no memory.
  Result<> answer_challenges(std::shared_ptr<const AcmeChallenges> challenges);
  // Trusts the certificates in `roots_pem`; empty: verifies nobody.
  static Result<TlsContext> client(std::string_view roots_pem);

  TlsContext(TlsContext&&) noexcept;
  TlsContext& operator=(TlsContext&&) noexcept;
  ~TlsContext();

  // When the (first) leaf certificate stops being valid; the epoch for clients.
  std::chrono::sys_seconds expires() const { return expires_; }
  ssl_ctx_st* native() const { return context_.get(); }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const noexcept;
  };
  explicit TlsContext(ssl_ctx_st* context);

  std::unique_ptr<ssl_ctx_st, Free> context_;
  std::chrono::sys_seconds expires_{};
};

}  // namespace hauspost::tls
