#include "base/tls/server_check.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "base/tls/handles.h"
#include "base/tls/tls_stream.h"

namespace hauspost::tls {

namespace {

constexpr std::uint8_t kUsageAuthority = 2;  // DANE-TA
constexpr std::uint8_t kUsageEndEntity = 3;  // DANE-EE
constexpr std::size_t kChainMax = 20;

using Kind = ServerVerdict::Kind;
using Chain = std::vector<X509*>;  // the leaf first; borrowed from the connection

std::string octets(std::uint8_t* der, int length) {
  if (length <= 0) return {};
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(length));
  OPENSSL_free(der);
  return out;
}

std::string der_of(X509* certificate) {
  std::uint8_t* der = nullptr;
  const int length = i2d_X509(certificate, &der);
  return octets(der, length);
}

std::string key_of(X509* certificate) {
  std::uint8_t* der = nullptr;
  const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  return octets(der, length);
}

std::string sha256(std::string_view bytes) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(),
         reinterpret_cast<std::uint8_t*>(out.data()));
  return out;
}

std::string sha512(std::string_view bytes) {
  std::string out(SHA512_DIGEST_LENGTH, '\0');
  SHA512(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(),
         reinterpret_cast<std::uint8_t*>(out.data()));
  return out;
}

bool matches(const DaneRecord& record, X509* certificate) {
  if (record.selector > 1 || record.data.empty()) return false;
  const std::string selected = record.selector == 0 ? der_of(certificate) : key_of(certificate);
  switch (record.matching) {
    case 0: return selected == record.data;
    case 1: return sha256(selected) == record.data;
    case 2: return sha512(selected) == record.data;
    default: return false;
  }
}

ServerVerdict verdict_of(int error) {
  const std::string text = X509_verify_cert_error_string(error);
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID: return {Kind::kExpired, text};
    case X509_V_ERR_HOSTNAME_MISMATCH: return {Kind::kHostMismatch, text};
    default: return {Kind::kNotTrusted, text};
  }
}

// Whether `store` vouches for the chain. With `partial` a certificate in the store need not be a
// root.
ServerVerdict verify_chain(const Chain& chain, X509_STORE* store, bool partial) {
  const bssl::UniquePtr<X509_STORE_CTX> context(X509_STORE_CTX_new());
  const bssl::UniquePtr<STACK_OF(X509)> others(sk_X509_new_null());
  if (!context || !others) return {Kind::kNotTrusted, "no memory"};
  for (X509* one : chain) {
    if (!bssl::PushToStack(others.get(), bssl::UpRef(one))) return {Kind::kNotTrusted, "no memory"};
  }
  if (X509_STORE_CTX_init(context.get(), store, chain.front(), others.get()) != 1 ||
      X509_STORE_CTX_set_default(context.get(), "ssl_server") != 1) {
    return {Kind::kNotTrusted, library_error(ErrorCode::kInternal, "certificate").text};
  }
  if (partial) X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_PARTIAL_CHAIN);
  const bool good = X509_verify_cert(context.get()) == 1;
  const int error = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  if (good) return {Kind::kGood, {}};
  return verdict_of(error);
}

ServerVerdict verify_name(X509* leaf, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (!name.empty() && X509_check_host(leaf, name.data(), name.size(),
                                         X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) == 1) {
      return {Kind::kGood, {}};
    }
    if (!name.empty() && X509_check_ip_asc(leaf, name.c_str(), 0) == 1) return {Kind::kGood, {}};
  }
  std::string wanted;
  for (const std::string& name : names) wanted += (wanted.empty() ? "" : " or ") + name;
  return {Kind::kHostMismatch, "the certificate is not for " + wanted};
}

// The record's authority, which may be in the chain or whole in the record.
bssl::UniquePtr<X509> authority_of(const DaneRecord& record, const Chain& chain) {
  for (X509* one : chain) {
    if (matches(record, one)) return bssl::UpRef(one);
  }
  if (record.selector != 0 || record.matching != 0) return nullptr;
  const auto* at = reinterpret_cast<const std::uint8_t*>(record.data.data());
  bssl::UniquePtr<X509> whole(d2i_X509(nullptr, &at, static_cast<long>(record.data.size())));
  ERR_clear_error();
  return whole;
}

ServerVerdict verify_dane(const Chain& chain, const ServerCheck& check) {
  ServerVerdict last{Kind::kNoDaneMatch, "no TLSA record matches the certificate"};
  for (const DaneRecord& record : check.records) {
    if (record.usage == kUsageEndEntity && matches(record, chain.front())) return {Kind::kGood, {}};
    if (record.usage != kUsageAuthority) continue;
    const auto authority = authority_of(record, chain);
    if (!authority) continue;
    const bssl::UniquePtr<X509_STORE> store(X509_STORE_new());
    if (!store || X509_STORE_add_cert(store.get(), authority.get()) != 1) continue;
    ServerVerdict verdict = verify_chain(chain, store.get(), true);
    if (verdict.good()) verdict = verify_name(chain.front(), check.names);
    if (verdict.good()) return verdict;
    last = std::move(verdict);
  }
  return last;
}

bssl::UniquePtr<X509> next_root(BIO* pem) {
  return bssl::UniquePtr<X509>(PEM_read_bio_X509(pem, nullptr, nullptr, nullptr));
}

}  // namespace

Result<TrustedRoots> TrustedRoots::from_pem(std::string_view pem) {
  ERR_clear_error();
  const bssl::UniquePtr<BIO> reader(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::shared_ptr<X509_STORE> store(X509_STORE_new(), X509_STORE_free);
  if (!reader || !store) return fail(library_error(ErrorCode::kInternal, "trusted certificates"));
  std::size_t count = 0;
  while (const auto root = next_root(reader.get())) {
    if (X509_STORE_add_cert(store.get(), root.get()) != 1)
      return fail(library_error(ErrorCode::kInvalid, "trusted certificates"));
    ++count;
  }
  const std::uint32_t entry = ERR_peek_last_error();
  const bool at_end = entry == 0 || (ERR_GET_LIB(entry) == ERR_LIB_PEM &&
                                     ERR_GET_REASON(entry) == PEM_R_NO_START_LINE);
  if (!at_end || count == 0) {
    return fail(count == 0 ? Error{ErrorCode::kInvalid, "trusted certificates: there is none"}
                           : library_error(ErrorCode::kInvalid, "trusted certificates"));
  }
  ERR_clear_error();
  return TrustedRoots(std::move(store));
}

Result<TrustedRoots> TrustedRoots::from_file(const std::string& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(errno_error(path));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  auto roots = from_pem(text);
  if (!roots) return fail(std::move(roots).error().within(path));
  return roots;
}

ServerVerdict TlsStream::check_server(const ServerCheck& check, const TrustedRoots* roots) const {
  ERR_clear_error();
  Chain chain;
  const STACK_OF(X509)* sent = SSL_get_peer_full_cert_chain(ssl_.get());
  for (std::size_t i = 0; sent != nullptr && i < sk_X509_num(sent) && i < kChainMax; ++i)
    chain.push_back(sk_X509_value(sent, i));
  if (chain.empty()) return {Kind::kNotTrusted, "the server showed no certificate"};
  if (check.kind == ServerCheck::Kind::kDane) return verify_dane(chain, check);
  if (roots == nullptr) return {Kind::kNotTrusted, "no authority is trusted here"};
  ServerVerdict verdict = verify_chain(chain, roots->native(), false);
  if (verdict.good() && check.kind == ServerCheck::Kind::kName)
    verdict = verify_name(chain.front(), check.names);
  return verdict;
}

}  // namespace hauspost::tls
