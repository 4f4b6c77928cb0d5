#include "base/tls/certificate_facts.h"

#include <openssl/err.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <asio/ip/address.hpp>
#include <fmt/format.h>

#include "base/text.h"
#include "base/tls/handles.h"

namespace hauspost::tls {

namespace {

constexpr std::size_t kNamesMax = 256;    // of one certificate; the rest is not shown
constexpr std::size_t kNameTextMax = 256;  // bytes of one part

std::string text_of(const ASN1_STRING* value) {
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                     static_cast<std::size_t>(ASN1_STRING_length(value)));
}

std::string name_text(const X509_NAME* name) {
  std::string out;
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
    const char* kind = OBJ_nid2sn(OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)));
    if (!out.empty()) out += ", ";
    out += kind != nullptr ? kind : "?";
    out += '=' + escape_for_log(text_of(X509_NAME_ENTRY_get_data(entry)), kNameTextMax);
  }
  return out;
}

std::string address_text(std::string_view bytes) {
  if (bytes.size() == 4) {
    asio::ip::address_v4::bytes_type raw;
    std::ranges::copy(bytes, raw.begin());
    return asio::ip::address_v4(raw).to_string();
  }
  if (bytes.size() != 16) return {};
  asio::ip::address_v6::bytes_type raw;
  std::ranges::copy(bytes, raw.begin());
  return asio::ip::address_v6(raw).to_string();
}

std::vector<std::string> names_of(const X509* certificate) {
  std::vector<std::string> out;
  const bssl::UniquePtr<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (std::size_t i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* one = sk_GENERAL_NAME_value(names.get(), i);
    std::string text;
    if (one->type == GEN_DNS) text = ascii_lower(escape_for_log(text_of(one->d.dNSName), kNameTextMax));
    if (one->type == GEN_IPADD) text = address_text(text_of(one->d.iPAddress));
    if (!text.empty() && out.size() < kNamesMax) out.push_back(std::move(text));
  }
  return out;
}

std::string key_text(X509* certificate) {
  const bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(certificate));
  if (!key) return "unknown";
  switch (EVP_PKEY_id(key.get())) {
    case EVP_PKEY_RSA: return fmt::format("RSA {}", EVP_PKEY_bits(key.get()));
    case EVP_PKEY_EC: return fmt::format("ECDSA P-{}", EVP_PKEY_bits(key.get()));
    case EVP_PKEY_ED25519: return "Ed25519";
    default: return "unknown";
  }
}

Result<std::chrono::sys_seconds> time_of(const ASN1_TIME* time) {
  // Counted in days and seconds from the epoch, since the library has no plain conversion.
  const bssl::UniquePtr<ASN1_TIME> epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0;
  int seconds = 0;
  if (!epoch || ASN1_TIME_diff(&days, &seconds, epoch.get(), time) != 1)
    return fail(library_error(ErrorCode::kInvalid, "certificate validity"));
  return std::chrono::sys_seconds(std::chrono::days(days) + std::chrono::seconds(seconds));
}

std::string fingerprint_of(const X509* certificate) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest;
  unsigned length = 0;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &length) != 1) return {};
  std::string out;
  for (unsigned i = 0; i < length; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

}  // namespace

Result<CertificateFacts> certificate_facts(std::string_view pem) {
  ERR_clear_error();
  const bssl::UniquePtr<BIO> reader(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const bssl::UniquePtr<X509> certificate(
      reader ? PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!certificate) return fail(library_error(ErrorCode::kInvalid, "certificate"));
  CertificateFacts facts;
  facts.subject = name_text(X509_get_subject_name(certificate.get()));
  facts.issuer = name_text(X509_get_issuer_name(certificate.get()));
  facts.names = names_of(certificate.get());
  TRY_ASSIGN(facts.not_before, time_of(X509_get0_notBefore(certificate.get())));
  TRY_ASSIGN(facts.not_after, time_of(X509_get0_notAfter(certificate.get())));
  facts.key = key_text(certificate.get());
  facts.fingerprint = fingerprint_of(certificate.get());
  facts.self_issued = facts.subject == facts.issuer;
  ERR_clear_error();
  return facts;
}

bool name_matches(std::string_view pattern, std::string_view name) {
  if (iequals(pattern, name)) return true;
  if (!pattern.starts_with("*.")) return false;
  const std::size_t dot = name.find('.');
  return dot != std::string_view::npos && dot != 0 && iequals(pattern.substr(1), name.substr(dot));
}

}  // namespace hauspost::tls
