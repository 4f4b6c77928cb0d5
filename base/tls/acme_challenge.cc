#include "base/tls/acme_challenge.h"

#include <openssl/bytestring.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/tls1.h>

#include "base/crypto/mac.h"
#include "base/text.h"
#include "base/tls/certificate_choice.h"
#include "base/tls/certificate_parts.h"
#include "base/tls/handles.h"

namespace hauspost::tls {

namespace {

constexpr std::size_t kDigestBytes = 32;
constexpr char kAcmeIdentifier[] = "1.3.6.1.5.5.7.1.31";
constexpr char kOctetStringOf32[] = {0x04, 0x20};
constexpr std::chrono::days kValidFor{7};
constexpr long kX509Version3 = 2;

using Held = std::shared_ptr<const AcmeChallenges>;

void free_held(void*, void* pointer, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<Held*>(pointer);
}

int held_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_held);
  return index;
}

bool add_identifier(X509* certificate, std::string_view digest) {
  const std::string value =
      std::string(kOctetStringOf32, sizeof kOctetStringOf32) + std::string(digest);
  const bssl::UniquePtr<ASN1_OBJECT> kind(OBJ_txt2obj(kAcmeIdentifier, 1));
  const bssl::UniquePtr<ASN1_OCTET_STRING> text(ASN1_OCTET_STRING_new());
  if (!kind || !text ||
      ASN1_OCTET_STRING_set(text.get(), reinterpret_cast<const std::uint8_t*>(value.data()),
                            static_cast<int>(value.size())) != 1) {
    return false;
  }
  const bssl::UniquePtr<X509_EXTENSION> extension(
      X509_EXTENSION_create_by_OBJ(nullptr, kind.get(), 1, text.get()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

struct Made {
  bssl::UniquePtr<X509> certificate;
  bssl::UniquePtr<EVP_PKEY> key;
};

Result<Made> make_challenge(const std::string& host_name, std::string_view digest) {
  if (digest.size() != kDigestBytes)
    return fail(ErrorCode::kInvalid, "a proof of another length than SHA-256 has");
  TRY_ASSIGN(const auto names, alternative_names({host_name}, {}));
  Made made{bssl::UniquePtr<X509>(X509_new()), make_p256_key()};
  X509* const x509 = made.certificate.get();
  if (x509 == nullptr || !made.key || X509_set_version(x509, kX509Version3) != 1 ||
      !set_random_serial(x509) || !set_self_issued(x509, host_name) ||
      !set_validity(x509, system_clock().now(), kValidFor) ||
      X509_set_pubkey(x509, made.key.get()) != 1 ||
      X509_add1_ext_i2d(x509, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) != 1 ||
      !add_identifier(x509, digest) || X509_sign(x509, made.key.get(), EVP_sha256()) == 0) {
    return fail(library_error(ErrorCode::kInternal, "making the certificate of a proof"));
  }
  return made;
}

// Of the list that a client offers, all that it may hold here (section 3).
bool offers_acme_alone(const std::uint8_t* offered, std::size_t bytes) {
  return bytes == 1 + kAlpnAcme.size() && offered[0] == kAlpnAcme.size() &&
         std::string_view(reinterpret_cast<const char*>(offered + 1), kAlpnAcme.size()) ==
             kAlpnAcme;
}

int select_acme(SSL*, const std::uint8_t** chosen, std::uint8_t* chosen_bytes,
                const std::uint8_t* offered, unsigned offered_bytes, void*) {
  if (!offers_acme_alone(offered, offered_bytes)) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = offered + 1;
  *chosen_bytes = static_cast<std::uint8_t>(kAlpnAcme.size());
  return SSL_TLSEXT_ERR_OK;
}

bool wants_proof(const SSL_CLIENT_HELLO* hello) {
  const std::uint8_t* bytes = nullptr;
  std::size_t length = 0;
  if (SSL_early_callback_ctx_extension_get(
          hello, TLSEXT_TYPE_application_layer_protocol_negotiation, &bytes, &length) != 1) {
    return false;
  }
  CBS body;
  CBS list;
  CBS_init(&body, bytes, length);
  return CBS_get_u16_length_prefixed(&body, &list) == 1 &&
         offers_acme_alone(CBS_data(&list), CBS_len(&list));
}

}  // namespace

Result<CertificatePair> make_challenge_certificate(const std::string& host_name,
                                                   std::string_view digest) {
  TRY_ASSIGN(const Made made, make_challenge(host_name, digest));
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  if (!out || PEM_write_bio_X509(out.get(), made.certificate.get()) != 1)
    return fail(library_error(ErrorCode::kInternal, "writing the certificate of a proof"));
  return CertificatePair{bio_text(out.get()), Secret(key_pem(made.key.get()))};
}

void AcmeChallenges::Free::operator()(ssl_ctx_st* context) const noexcept { SSL_CTX_free(context); }
AcmeChallenges::AcmeChallenges() = default;
AcmeChallenges::~AcmeChallenges() = default;

Result<> AcmeChallenges::replace(const std::map<std::string, std::string>& key_authorizations) {
  if (key_authorizations.size() > kNamesMax)
    return fail(ErrorCode::kExhausted, "too many names are to be proved at once");
  std::map<std::string, std::unique_ptr<ssl_ctx_st, Free>> fresh;
  for (const auto& [name, key_authorization] : key_authorizations) {
    TRY_ASSIGN(const Made made,
               make_challenge(name, crypto::hash(crypto::Digest::kSha256, key_authorization)));
    std::unique_ptr<ssl_ctx_st, Free> context(SSL_CTX_new(TLS_method()));
    if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
        SSL_CTX_use_certificate(context.get(), made.certificate.get()) != 1 ||
        SSL_CTX_use_PrivateKey(context.get(), made.key.get()) != 1) {
      return fail(library_error(ErrorCode::kInternal, "the certificate of a proof"));
    }
    SSL_CTX_set_alpn_select_cb(context.get(), select_acme, nullptr);
    fresh.insert_or_assign(ascii_lower(name), std::move(context));
  }
  contexts_ = std::move(fresh);
  return {};
}

ssl_ctx_st* AcmeChallenges::find(std::string_view host_name) const {
  const auto found = contexts_.find(ascii_lower(host_name));
  return found == contexts_.end() ? nullptr : found->second.get();
}

Result<> answer_challenges(ssl_ctx_st* context, Held challenges) {
  auto held = std::make_unique<Held>(std::move(challenges));
  if (SSL_CTX_set_ex_data(context, held_index(), held.get()) != 1)
    return fail(library_error(ErrorCode::kInternal, "TLS context"));
  [[maybe_unused]] auto* const kept = held.release();  // free_held() ends it with the context
  SSL_CTX_set_select_certificate_cb(context, select_certificate);
  return {};
}

Result<ssl_ctx_st*> challenge_context(const ssl_early_callback_ctx* hello,
                                      std::string_view server_name) {
  const auto* held =
      static_cast<const Held*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(hello->ssl), held_index()));
  if (held == nullptr || !*held || !wants_proof(hello)) return nullptr;
  if (SSL_CTX* const found = (*held)->find(server_name); found != nullptr) return found;
  return fail(ErrorCode::kNotFound, "nothing is to be proved for that name");
}

}  // namespace hauspost::tls
