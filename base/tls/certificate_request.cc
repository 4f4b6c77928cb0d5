#include "base/tls/certificate_request.h"

#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/pem.h>

#include "base/tls/certificate_parts.h"
#include "base/tls/handles.h"

namespace hauspost::tls {

namespace {

struct FreeExtensions {
  void operator()(STACK_OF(X509_EXTENSION) * stack) const {
    sk_X509_EXTENSION_pop_free(stack, X509_EXTENSION_free);
  }
};

bool add_names(X509_REQ* request, GENERAL_NAMES* names) {
  STACK_OF(X509_EXTENSION)* made = nullptr;
  const bool added =
      X509V3_add1_i2d(&made, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
  const std::unique_ptr<STACK_OF(X509_EXTENSION), FreeExtensions> owner(made);
  return added && X509_REQ_add_extensions(request, made) == 1;
}

std::string taken_bytes(std::uint8_t* bytes, int count) {
  const bssl::UniquePtr<std::uint8_t> owner(bytes);
  return count <= 0
             ? std::string()
             : std::string(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
}

// Encrypted keys would make the library ask on the terminal.
int no_password(char*, int, int, void*) { return 0; }

bssl::UniquePtr<X509> first_certificate(std::string_view pem) {
  const bssl::UniquePtr<BIO> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!in) return nullptr;
  return bssl::UniquePtr<X509>(PEM_read_bio_X509(in.get(), nullptr, no_password, nullptr));
}

}  // namespace

Result<CertificateRequest> make_certificate_request(const std::vector<std::string>& names,
                                                    bool rsa) {
  if (names.empty()) return fail(ErrorCode::kInvalid, "a certificate request without names");
  TRY_ASSIGN(const auto alternatives, alternative_names(names, {}));
  const auto key = rsa ? make_rsa_key() : make_p256_key();
  const bssl::UniquePtr<X509_REQ> request(X509_REQ_new());
  if (!key || !request || X509_REQ_set_version(request.get(), 0) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.get()) != 1 ||
      !add_names(request.get(), alternatives.get()) ||
      X509_REQ_sign(request.get(), key.get(), EVP_sha256()) == 0) {
    return fail(library_error(ErrorCode::kInternal, "making the certificate request"));
  }
  std::uint8_t* bytes = nullptr;
  const int count = i2d_X509_REQ(request.get(), &bytes);
  CertificateRequest made{taken_bytes(bytes, count), Secret(key_pem(key.get()))};
  if (made.der.empty() || made.key_pem.empty())
    return fail(library_error(ErrorCode::kInternal, "writing the certificate request"));
  return made;
}

Result<> check_key_of(std::string_view chain_pem, std::string_view key_pem) {
  const auto certificate = first_certificate(chain_pem);
  const bssl::UniquePtr<BIO> in(BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())));
  const bssl::UniquePtr<EVP_PKEY> key(
      in ? PEM_read_bio_PrivateKey(in.get(), nullptr, no_password, nullptr) : nullptr);
  if (!certificate || !key) return fail(library_error(ErrorCode::kInvalid, "certificate and key"));
  if (X509_check_private_key(certificate.get(), key.get()) == 1) return {};
  return fail(library_error(ErrorCode::kInvalid, "the certificate is not of the key"));
}

Result<std::string> certificate_der(std::string_view pem) {
  const auto certificate = first_certificate(pem);
  if (!certificate) return fail(library_error(ErrorCode::kInvalid, "certificate"));
  std::uint8_t* bytes = nullptr;
  const int count = i2d_X509(certificate.get(), &bytes);
  std::string der = taken_bytes(bytes, count);
  if (der.empty()) return fail(library_error(ErrorCode::kInternal, "certificate"));
  return der;
}

}  // namespace hauspost::tls
