#include "base/tls/certificate.h"

#include <asio/ip/address.hpp>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/random.h"
#include "base/text.h"
#include "base/tls/handles.h"

namespace hauspost::tls {

namespace {

constexpr std::size_t kHostNameMax = 253;
constexpr std::size_t kLabelMax = 63;
constexpr std::size_t kCommonNameMax = 64;  // ub-common-name of RFC 5280
constexpr long kX509Version3 = 2;
constexpr int kRsaBits = 2048;

// RFC 1123 section 2.1; a first label "*" is allowed (RFC 9525 section 6.3).
bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > kHostNameMax) return false;
  bool first = true;
  for (const std::string_view label : split(name, '.')) {
    if (label.empty() || label.size() > kLabelMax || label.front() == '-' || label.back() == '-')
      return false;
    const bool wildcard = first && label == "*" && label.size() < name.size();
    for (const char c : label) {
      if (!is_alpha(c) && !is_digit(c) && c != '-' && !wildcard) return false;
    }
    first = false;
  }
  return true;
}

bssl::UniquePtr<EVP_PKEY> make_rsa_key() {
  bssl::UniquePtr<RSA> rsa(RSA_new());
  bssl::UniquePtr<BIGNUM> exponent(BN_new());
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (!rsa || !exponent || !key || BN_set_word(exponent.get(), RSA_F4) != 1 ||
      RSA_generate_key_ex(rsa.get(), kRsaBits, exponent.get(), nullptr) != 1 ||
      EVP_PKEY_set1_RSA(key.get(), rsa.get()) != 1) {
    return nullptr;
  }
  return key;
}

bssl::UniquePtr<EVP_PKEY> make_key() {
  bssl::UniquePtr<EC_KEY> curve_key(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (!curve_key || !key || EC_KEY_generate_key(curve_key.get()) != 1 ||
      EVP_PKEY_set1_EC_KEY(key.get(), curve_key.get()) != 1) {
    return nullptr;
  }
  return key;
}

bool append_name(GENERAL_NAMES* names, int type, std::string_view bytes) {
  bssl::UniquePtr<GENERAL_NAME> name(GENERAL_NAME_new());
  // Both kinds are strings of ASN.1; only their tags differ.
  bssl::UniquePtr<ASN1_STRING> value(
      ASN1_STRING_type_new(type == GEN_DNS ? V_ASN1_IA5STRING : V_ASN1_OCTET_STRING));
  if (!name || !value ||
      ASN1_STRING_set(value.get(), bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return false;
  }
  GENERAL_NAME_set0_value(name.get(), type, value.release());
  if (sk_GENERAL_NAME_push(names, name.get()) == 0) return false;
  [[maybe_unused]] auto* kept = name.release();  // the stack owns it now
  return true;
}

std::optional<std::string> address_bytes(const std::string& text) {
  std::error_code code;
  const auto address = asio::ip::make_address(text, code);
  if (code) return std::nullopt;
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    return std::string(bytes.begin(), bytes.end());
  }
  const auto bytes = address.to_v6().to_bytes();
  return std::string(bytes.begin(), bytes.end());
}

Result<bssl::UniquePtr<GENERAL_NAMES>> alternative_names(const SelfSignedRequest& request) {
  bssl::UniquePtr<GENERAL_NAMES> names(sk_GENERAL_NAME_new_null());
  if (!names) return fail(library_error(ErrorCode::kInternal, "certificate names"));
  std::vector<std::string> hosts = {request.host_name};
  hosts.insert(hosts.end(), request.other_names.begin(), request.other_names.end());
  for (const std::string& host : hosts) {
    if (!is_host_name(host))
      return fail(ErrorCode::kInvalid, "not a host name: " + escape_for_log(host));
    if (!append_name(names.get(), GEN_DNS, host))
      return fail(library_error(ErrorCode::kInternal, "certificate names"));
  }
  for (const std::string& address : request.addresses) {
    const auto bytes = address_bytes(address);
    if (!bytes) return fail(ErrorCode::kInvalid, "not an IP address: " + escape_for_log(address));
    if (!append_name(names.get(), GEN_IPADD, *bytes))
      return fail(library_error(ErrorCode::kInternal, "certificate names"));
  }
  return names;
}

// `value` is one of our own constants, never a name from outside.
bool add_extension(X509* certificate, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  bssl::UniquePtr<X509_EXTENSION> extension(X509V3_EXT_nconf_nid(nullptr, &context, nid, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_random_serial(X509* certificate) {
  std::array<std::uint8_t, 16> bytes;
  random_bytes(bytes);
  bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0x7f) | 0x40);  // positive, never short
  bssl::UniquePtr<BIGNUM> number(BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_subject(X509* certificate, const std::string& host_name) {
  // Longer names stand in subjectAltName alone, where clients look for them anyway.
  const std::string common_name = host_name.substr(0, kCommonNameMax);
  X509_NAME* subject = X509_get_subject_name(certificate);
  return X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_ASC,
                                    reinterpret_cast<const std::uint8_t*>(common_name.data()),
                                    static_cast<int>(common_name.size()), -1, 0) == 1 &&
         X509_set_issuer_name(certificate, subject) == 1;
}

bool set_validity(X509* certificate, const SelfSignedRequest& request) {
  const auto now = std::chrono::floor<std::chrono::seconds>(request.now).time_since_epoch();
  const auto from = now - std::chrono::days(1);
  const auto until = now + request.valid_for;
  return ASN1_TIME_set(X509_getm_notBefore(certificate), from.count()) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), until.count()) != nullptr;
}

std::string bio_text(BIO* bio) {
  const std::uint8_t* bytes = nullptr;
  std::size_t count = 0;
  if (BIO_mem_contents(bio, &bytes, &count) != 1) return {};
  return std::string(reinterpret_cast<const char*>(bytes), count);
}

Result<CertificatePair> to_pem(X509* certificate, EVP_PKEY* key) {
  bssl::UniquePtr<BIO> certificate_out(BIO_new(BIO_s_mem()));
  bssl::UniquePtr<BIO> key_out(BIO_new(BIO_s_mem()));
  if (!certificate_out || !key_out || PEM_write_bio_X509(certificate_out.get(), certificate) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(key_out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return fail(library_error(ErrorCode::kInternal, "writing the certificate"));
  }
  return CertificatePair{bio_text(certificate_out.get()), Secret(bio_text(key_out.get()))};
}

}  // namespace

Result<CertificatePair> make_self_signed(const SelfSignedRequest& request) {
  TRY_ASSIGN(const auto names, alternative_names(request));
  const auto key = request.rsa ? make_rsa_key() : make_key();
  bssl::UniquePtr<X509> certificate(X509_new());
  if (!key || !certificate) return fail(library_error(ErrorCode::kInternal, "certificate key"));
  X509* const x509 = certificate.get();
  // No keyUsage: without keyCertSign, libraries do not take the certificate for self-signed, and a
  // client that trusts it would look for its issuer in vain.
  if (X509_set_version(x509, kX509Version3) != 1 || !set_random_serial(x509) ||
      !set_subject(x509, request.host_name) || !set_validity(x509, request) ||
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
