#include "base/tls/certificate_choice.h"

#include <openssl/bytestring.h>
#include <openssl/tls1.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/tls/acme_challenge.h"
#include "base/tls/certificate_facts.h"

namespace hauspost::tls {

namespace {

using Options = std::vector<CertificateOption>;

void free_options(void*, void* pointer, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<Options*>(pointer);
}

int options_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_options);
  return index;
}

bool extension(const SSL_CLIENT_HELLO* hello, std::uint16_t type, CBS& out) {
  const std::uint8_t* bytes = nullptr;
  std::size_t length = 0;
  if (SSL_early_callback_ctx_extension_get(hello, type, &bytes, &length) != 1) return false;
  CBS_init(&out, bytes, length);
  return true;
}

// RFC 8446 section 4.2.3. Without the extension a client of TLS 1.2 takes SHA-1 alone, which we
// do not sign with: whatever is chosen fails then.
bool lists_ecdsa_signatures(const SSL_CLIENT_HELLO* hello) {
  CBS body;
  CBS list;
  if (!extension(hello, TLSEXT_TYPE_signature_algorithms, body)) return false;
  if (CBS_get_u16_length_prefixed(&body, &list) != 1) return false;
  std::uint16_t scheme = 0;
  while (CBS_get_u16(&list, &scheme) == 1) {
    if (scheme == SSL_SIGN_ECDSA_SECP256R1_SHA256 || scheme == SSL_SIGN_ECDSA_SECP384R1_SHA384)
      return true;
  }
  return false;
}

bool speaks_tls13(const SSL_CLIENT_HELLO* hello) {
  CBS body;
  CBS list;
  if (!extension(hello, TLSEXT_TYPE_supported_versions, body)) return false;
  if (CBS_get_u8_length_prefixed(&body, &list) != 1) return false;
  std::uint16_t version = 0;
  while (CBS_get_u16(&list, &version) == 1) {
    if (version == TLS1_3_VERSION) return true;
  }
  return false;
}

// In TLS 1.2 the suite names the kind of key as well.
bool lists_ecdsa_suites(const SSL_CLIENT_HELLO* hello) {
  CBS suites;
  CBS_init(&suites, hello->cipher_suites, hello->cipher_suites_len);
  std::uint16_t suite = 0;
  while (CBS_get_u16(&suites, &suite) == 1) {
    const SSL_CIPHER* known = SSL_get_cipher_by_value(suite);
    if (known != nullptr && SSL_CIPHER_get_auth_nid(known) == NID_auth_ecdsa &&
        SSL_CIPHER_is_aead(known) == 1) {
      return true;
    }
  }
  return false;
}

// One host name; anything else reads as none.
std::string_view server_name(const SSL_CLIENT_HELLO* hello) {
  CBS body;
  CBS list;
  CBS name;
  std::uint8_t type = 0;
  if (!extension(hello, TLSEXT_TYPE_server_name, body) ||
      CBS_get_u16_length_prefixed(&body, &list) != 1 || CBS_get_u8(&list, &type) != 1 ||
      type != TLSEXT_NAMETYPE_host_name || CBS_get_u16_length_prefixed(&list, &name) != 1) {
    return {};
  }
  return {reinterpret_cast<const char*>(CBS_data(&name)), CBS_len(&name)};
}

enum class Fit : std::uint8_t { kNone, kWildcard, kExact };

Fit fit_of(const CertificateOption& option, std::string_view name) {
  Fit best = Fit::kNone;
  for (const std::string& pattern : option.names) {
    if (!name_matches(pattern, name)) continue;
    if (!pattern.starts_with('*')) return Fit::kExact;
    best = Fit::kWildcard;
  }
  return best;
}

}  // namespace

std::size_t choose(const std::vector<CertificateOption>& options, const ClientWish& wish) {
  Fit best = Fit::kNone;
  for (const CertificateOption& option : options)
    best = std::max(best, fit_of(option, wish.server_name));
  const CertificateOption& first = options.front();
  // Who asks for no name of ours gets the default, or what an authority has signed for its name.
  const auto fits = [&](const CertificateOption& option) {
    if (best != Fit::kNone) return fit_of(option, wish.server_name) == best;
    return option.names == first.names || (first.self_issued && !first.names.empty() &&
                                           fit_of(option, first.names.front()) == Fit::kExact);
  };
  std::size_t chosen = 0;
  int most = -1;
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (!fits(options[i])) continue;
    const int worth = (options[i].self_issued ? 0 : 2) + (options[i].ecdsa == wish.takes_ecdsa);
    if (worth <= most) continue;
    chosen = i;
    most = worth;
  }
  return chosen;
}

ssl_select_cert_result_t select_certificate(const SSL_CLIENT_HELLO* hello) {
  SSL* const ssl = hello->ssl;
  const std::string_view asked = server_name(hello);
  const auto proof = challenge_context(hello, asked);
  if (!proof) return ssl_select_cert_error;
  if (*proof != nullptr)
    return SSL_set_SSL_CTX(ssl, *proof) == nullptr ? ssl_select_cert_error : ssl_select_cert_success;
  const auto* options = static_cast<const Options*>(
      SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), options_index()));
  if (options == nullptr) return ssl_select_cert_success;
  ClientWish wish{.server_name = asked};
  wish.takes_ecdsa =
      lists_ecdsa_signatures(hello) && (speaks_tls13(hello) || lists_ecdsa_suites(hello));
  SSL_CTX* const chosen = (*options)[choose(*options, wish)].context.get();
  if (chosen != nullptr && SSL_set_SSL_CTX(ssl, chosen) == nullptr) return ssl_select_cert_error;
  return ssl_select_cert_success;
}

bool offer_certificates(SSL_CTX* first, std::vector<CertificateOption> options) {
  auto held = std::make_unique<Options>(std::move(options));
  if (SSL_CTX_set_ex_data(first, options_index(), held.get()) != 1) return false;
  [[maybe_unused]] auto* const kept = held.release();  // free_options() ends it with the context
  SSL_CTX_set_select_certificate_cb(first, select_certificate);
  return true;
}

}  // namespace hauspost::tls
