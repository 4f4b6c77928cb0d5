#include "base/tls/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <fstream>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/tls/acme_challenge.h"
#include "base/tls/alpn.h"
#include "base/tls/client_certificate.h"
#include "base/tls/certificate_choice.h"
#include "base/tls/certificate_facts.h"
#include "base/tls/handles.h"
#include "base/tls/ticket_keys.h"

namespace hauspost::tls {

namespace {

constexpr char kCiphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";  // of TLS 1.2; those of 1.3 are fixed
constexpr char kCurves[] = "X25519:P-256:P-384";
// In our order of preference; neither SHA-1 nor PKCS #1 v1.5 under TLS 1.3.
constexpr std::uint16_t kSignatures[] = {
    SSL_SIGN_ECDSA_SECP256R1_SHA256, SSL_SIGN_ECDSA_SECP384R1_SHA384, SSL_SIGN_ED25519,
    SSL_SIGN_RSA_PSS_RSAE_SHA256,    SSL_SIGN_RSA_PSS_RSAE_SHA384,    SSL_SIGN_RSA_PSS_RSAE_SHA512,
    SSL_SIGN_RSA_PKCS1_SHA256,       SSL_SIGN_RSA_PKCS1_SHA384,       SSL_SIGN_RSA_PKCS1_SHA512};
constexpr std::size_t kPemBytesMax = 1024 * 1024;

bssl::UniquePtr<BIO> pem_reader(std::string_view pem) {
  return bssl::UniquePtr<BIO>(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// Encrypted keys would make the library ask on the terminal.
int no_passphrase(char*, int, int, void*) { return 0; }

bssl::UniquePtr<X509> next_certificate(BIO* pem) {
  return bssl::UniquePtr<X509>(PEM_read_bio_X509(pem, nullptr, no_passphrase, nullptr));
}

// PEM_read_bio_X509 leaves "no start line" behind at the end of the text; that is no error.
bool at_end_of_pem() {
  const std::uint32_t entry = ERR_peek_last_error();
  const bool end = entry == 0 || (ERR_GET_LIB(entry) == ERR_LIB_PEM &&
                                  ERR_GET_REASON(entry) == PEM_R_NO_START_LINE);
  if (end) ERR_clear_error();
  return end;
}

Result<bssl::UniquePtr<SSL_CTX>> context_with_policy() {
  bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_method()));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(context.get(), TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_strict_cipher_list(context.get(), kCiphers) != 1 ||
      SSL_CTX_set1_curves_list(context.get(), kCurves) != 1) {
    return fail(library_error(ErrorCode::kInternal, "TLS policy"));
  }
  // Writes are retried with what is left of the caller's bytes, wherever they are by then.
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_early_data_enabled(context.get(), 0);
  return context;
}

Result<std::chrono::sys_seconds> not_after(const X509* certificate) {
  // Counted in days and seconds from the epoch, since the library has no plain conversion.
  bssl::UniquePtr<ASN1_TIME> epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0;
  int seconds = 0;
  if (!epoch ||
      ASN1_TIME_diff(&days, &seconds, epoch.get(), X509_get0_notAfter(certificate)) != 1) {
    return fail(library_error(ErrorCode::kInvalid, "certificate validity"));
  }
  return std::chrono::sys_seconds(std::chrono::days(days) + std::chrono::seconds(seconds));
}

Result<std::chrono::sys_seconds> use_chain(SSL_CTX* context, std::string_view chain_pem) {
  const auto pem = pem_reader(chain_pem);
  const auto leaf = pem ? next_certificate(pem.get()) : nullptr;
  if (!leaf) return fail(library_error(ErrorCode::kInvalid, "certificate"));
  if (SSL_CTX_use_certificate(context, leaf.get()) != 1)
    return fail(library_error(ErrorCode::kInvalid, "certificate"));
  while (const auto intermediate = next_certificate(pem.get())) {
    if (SSL_CTX_add1_chain_cert(context, intermediate.get()) != 1)
      return fail(library_error(ErrorCode::kInvalid, "certificate chain"));
  }
  if (!at_end_of_pem()) return fail(library_error(ErrorCode::kInvalid, "certificate chain"));
  return not_after(leaf.get());
}

Result<> use_key(SSL_CTX* context, std::string_view key_pem) {
  const auto pem = pem_reader(key_pem);
  bssl::UniquePtr<EVP_PKEY> key(
      pem ? PEM_read_bio_PrivateKey(pem.get(), nullptr, no_passphrase, nullptr) : nullptr);
  if (!key) return fail(library_error(ErrorCode::kInvalid, "private key"));
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1)
    return fail(library_error(ErrorCode::kInvalid, "private key and certificate"));
  return {};
}

struct ServerContext {
  bssl::UniquePtr<SSL_CTX> native;
  std::chrono::sys_seconds expires;
};

Result<ServerContext> server_context(const PemPair& pair,
                                     const std::shared_ptr<TicketKeys>& tickets,
                                     std::string_view client_roots_pem) {
  ERR_clear_error();
  TRY_ASSIGN(auto native, context_with_policy());
  TRY_ASSIGN(const auto expires, use_chain(native.get(), pair.chain));
  TRY(use_key(native.get(), pair.key.reveal()));
  SSL_CTX_set_alpn_select_cb(native.get(), select_alpn, nullptr);
  // Tickets need it; the sessions themselves are not kept here.
  static constexpr std::uint8_t kSessionContext[] = {'h', 'a', 'u', 's', 'p', 'o', 's', 't'};
  if (SSL_CTX_set_session_id_context(native.get(), kSessionContext, sizeof kSessionContext) != 1 ||
      SSL_CTX_set_signing_algorithm_prefs(native.get(), kSignatures, std::size(kSignatures)) != 1 ||
      (tickets && !use_ticket_keys(native.get(), tickets))) {
    return fail(library_error(ErrorCode::kInternal, "TLS policy"));
  }
  SSL_CTX_set_session_cache_mode(native.get(), SSL_SESS_CACHE_OFF);
  if (!client_roots_pem.empty()) TRY(ask_for_certificates(native.get(), client_roots_pem));
  return ServerContext{std::move(native), expires};
}

Result<std::string> read_file(const std::string& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(errno_error(path));
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (in.bad()) return fail(ErrorCode::kInternal, path + ": cannot be read");
  if (text.size() > kPemBytesMax) return fail(ErrorCode::kInvalid, path + ": too large");
  return text;
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const noexcept { SSL_CTX_free(context); }
TlsContext::TlsContext(ssl_ctx_st* context) : context_(context) {}
TlsContext::TlsContext(TlsContext&&) noexcept = default;
TlsContext& TlsContext::operator=(TlsContext&&) noexcept = default;
TlsContext::~TlsContext() = default;

Result<TlsContext> TlsContext::server(std::string_view chain_pem, std::string_view key_pem) {
  const PemPair pair{std::string(chain_pem), Secret(std::string(key_pem))};
  return server(std::span(&pair, 1), nullptr);
}

Result<TlsContext> TlsContext::server(std::span<const PemPair> pairs,
                                      std::shared_ptr<TicketKeys> tickets,
                                      std::string_view client_roots_pem) {
  HP_CHECK(!pairs.empty());
  TRY_ASSIGN(auto first, server_context(pairs.front(), tickets, client_roots_pem));
  std::vector<CertificateOption> options;
  for (std::size_t i = 0; pairs.size() > 1 && i < pairs.size(); ++i) {
    CertificateOption option;
    TRY_ASSIGN(const CertificateFacts facts, certificate_facts(pairs[i].chain));
    option.names = facts.names;
    option.ecdsa = facts.key.starts_with("ECDSA");
    option.self_issued = facts.self_issued;
    if (i > 0) {
      TRY_ASSIGN(auto other, server_context(pairs[i], tickets, client_roots_pem));
      option.context = std::move(other.native);
    }
    options.push_back(std::move(option));
  }
  if (!options.empty() && !offer_certificates(first.native.get(), std::move(options)))
    return fail(library_error(ErrorCode::kInternal, "TLS certificates"));
  TlsContext context(first.native.release());
  context.expires_ = first.expires;
  return context;
}

Result<> TlsContext::answer_challenges(std::shared_ptr<const AcmeChallenges> challenges) {
  return tls::answer_challenges(context_.get(), std::move(challenges));
}

Result<TlsContext> TlsContext::server_from_files(const std::string& chain_file,
                                                 const std::string& key_file) {
  TRY_ASSIGN(const std::string chain, read_file(chain_file));
  TRY_ASSIGN(std::string key_text, read_file(key_file));
  const Secret key(std::move(key_text));
  auto context = server(chain, key.reveal());
  if (!context) return fail(std::move(context).error().within(chain_file + ", " + key_file));
  return context;
}

Result<TlsContext> TlsContext::client(std::string_view roots_pem) {
  ERR_clear_error();
  TRY_ASSIGN(auto native, context_with_policy());
  if (roots_pem.empty()) {
    SSL_CTX_set_verify(native.get(), SSL_VERIFY_NONE, nullptr);
    return TlsContext(native.release());
  }
  const auto pem = pem_reader(roots_pem);
  X509_STORE* const roots = SSL_CTX_get_cert_store(native.get());
  while (const auto root = pem ? next_certificate(pem.get()) : nullptr) {
    if (X509_STORE_add_cert(roots, root.get()) != 1)
      return fail(library_error(ErrorCode::kInvalid, "trusted certificates"));
  }
  if (!at_end_of_pem()) return fail(library_error(ErrorCode::kInvalid, "trusted certificates"));
  SSL_CTX_set_verify(native.get(), SSL_VERIFY_PEER, nullptr);
  return TlsContext(native.release());
}

}  // namespace hauspost::tls
