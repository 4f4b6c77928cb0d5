#include "base/tls/certificate_parts.h"

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

}  // namespace

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

bssl::UniquePtr<EVP_PKEY> make_p256_key() {
  bssl::UniquePtr<EC_KEY> curve_key(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (!curve_key || !key || EC_KEY_generate_key(curve_key.get()) != 1 ||
      EVP_PKEY_set1_EC_KEY(key.get(), curve_key.get()) != 1) {
    return nullptr;
  }
  return key;
}

Result<bssl::UniquePtr<GENERAL_NAMES>> alternative_names(
    const std::vector<std::string>& hosts, const std::vector<std::string>& addresses) {
  bssl::UniquePtr<GENERAL_NAMES> names(sk_GENERAL_NAME_new_null());
  if (!names) return fail(library_error(ErrorCode::kInternal, "certificate names"));
  for (const std::string& host : hosts) {
    if (!is_host_name(host))
      return fail(ErrorCode::kInvalid, "not a host name: " + escape_for_log(host));
    if (!append_name(names.get(), GEN_DNS, host))
      return fail(library_error(ErrorCode::kInternal, "certificate names"));
  }
  for (const std::string& address : addresses) {
    const auto bytes = address_bytes(address);
    if (!bytes) return fail(ErrorCode::kInvalid, "not an IP address: " + escape_for_log(address));
    if (!append_name(names.get(), GEN_IPADD, *bytes))
      return fail(library_error(ErrorCode::kInternal, "certificate names"));
  }
  return names;
}

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

bool set_self_issued(X509* certificate, const std::string& name) {
  // Longer names stand in subjectAltName alone, where clients look for them anyway.
  const std::string common_name = name.substr(0, kCommonNameMax);
  X509_NAME* subject = X509_get_subject_name(certificate);
  return X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_ASC,
                                    reinterpret_cast<const std::uint8_t*>(common_name.data()),
                                    static_cast<int>(common_name.size()), -1, 0) == 1 &&
         X509_set_issuer_name(certificate, subject) == 1;
}

bool set_validity(X509* certificate, WallTime now, std::chrono::days valid_for) {
  const auto second = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch();
  const auto from = second - std::chrono::days(1);
  const auto until = second + valid_for;
  return ASN1_TIME_set(X509_getm_notBefore(certificate), from.count()) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), until.count()) != nullptr;
}

std::string bio_text(BIO* bio) {
  const std::uint8_t* bytes = nullptr;
  std::size_t count = 0;
  if (BIO_mem_contents(bio, &bytes, &count) != 1) return {};
  return std::string(reinterpret_cast<const char*>(bytes), count);
}

std::string key_pem(EVP_PKEY* key) {
  bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  if (!out ||
      PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return {};
  }
  return bio_text(out.get());
}

}  // namespace hauspost::tls
