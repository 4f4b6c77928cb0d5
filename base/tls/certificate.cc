#include "base/tls/certificate.h"

#include <openssl/nid.h>
#include <openssl/pem.h>

#include "base/tls/certificate_parts.h"
#include "base/tls/handles.h"

namespace hauspost::tls {

namespace {

constexpr long kX509Version3 = 2;

Result<CertificatePair> to_pem(X509* certificate, EVP_PKEY* key) {
  bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  Secret secret(key_pem(key));
  if (!out || PEM_write_bio_X509(out.get(), certificate) != 1 || secret.empty())
    return fail(library_error(ErrorCode::kInternal, "writing the certificate"));
  return CertificatePair{bio_text(out.get()), std::move(secret)};
}

}  // namespace

Result<CertificatePair> make_self_signed(const SelfSignedRequest& request) {
  std::vector<std::string> hosts = {request.host_name};
  hosts.insert(hosts.end(), request.other_names.begin(), request.other_names.end());
  TRY_ASSIGN(const auto names, alternative_names(hosts, request.addresses));
  const auto key = request.rsa ? make_rsa_key() : make_p256_key();
  bssl::UniquePtr<X509> certificate(X509_new());
  if (!key || !certificate) return fail(library_error(ErrorCode::kInternal, "certificate key"));
  X509* const x509 = certificate.get();
  // No keyUsage: without keyCertSign, libraries do not take the certificate for self-signed, and a
  // client that trusts it would look for its issuer in vain.
  if (X509_set_version(x509, kX509Version3) != 1 || !set_random_serial(x509) ||
      !set_self_issued(x509, request.host_name) ||
      !set_validity(x509, request.now, request.valid_for) ||
      X509_set_pubkey(x509, key.get()) != 1 ||
      X509_add1_ext_i2d(x509, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) != 1 ||
      !add_extension(x509, NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(x509, NID_ext_key_usage, "serverAuth") ||
      !add_extension(x509, NID_subject_key_identifier, "hash") ||
      X509_sign(x509, key.get(), EVP_sha256()) == 0) {
    return fail(library_error(ErrorCode::kInternal, "making the certificate"));
  }
  return to_pem(x509, key.get());
}

}  // namespace hauspost::tls
