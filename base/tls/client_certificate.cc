#include "base/tls/client_certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <vector>

#include "base/text.h"
#include "base/tls/handles.h"
#include "base/tls/tls_stream.h"

namespace hauspost::tls {

namespace {

constexpr std::size_t kNamesMax = 16;
constexpr std::size_t kNameBytesMax = 254;  // RFC 5321 section 4.5.3.1.3 leaves room for no more

// The handshake goes on whatever was found; the result stays with the session.
int accept_any(int, X509_STORE_CTX*) { return 1; }

int no_passphrase(char*, int, int, void*) { return 0; }

// A certificate with a NUL or other controls in a name says one thing to us and another to whoever
// signed it.
void add_name(std::vector<std::string>& names, std::string_view name) {
  const bool printable = std::ranges::none_of(
      name, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; });
  if (names.size() < kNamesMax && !name.empty() && name.size() <= kNameBytesMax && printable &&
      is_valid_utf8(name)) {
    names.emplace_back(name);
  }
}

std::string_view text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::vector<std::string> mail_names(X509* certificate) {
  std::vector<std::string> names;
  const bssl::UniquePtr<GENERAL_NAMES> found(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (std::size_t i = 0; found && i < sk_GENERAL_NAME_num(found.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(found.get(), i);
    if (name->type == GEN_EMAIL) add_name(names, text_of(name->d.rfc822Name));
  }
  return names;
}

// The last, most specific one.
std::vector<std::string> common_name(X509* certificate) {
  std::vector<std::string> names;
  X509_NAME* subject = X509_get_subject_name(certificate);
  int last = -1;
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) last = at;
  if (last < 0) return names;
  std::uint8_t* text = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
  if (size < 0) return names;
  add_name(names, {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)});
  OPENSSL_free(text);
  return names;
}

}  // namespace

Result<> ask_for_certificates(SSL_CTX* context, std::string_view roots_pem) {
  ERR_clear_error();
  const bssl::UniquePtr<BIO> pem(
      BIO_new_mem_buf(roots_pem.data(), static_cast<int>(roots_pem.size())));
  bssl::UniquePtr<STACK_OF(X509_NAME)> names(sk_X509_NAME_new_null());
  if (!pem || !names) return fail(library_error(ErrorCode::kInternal, "client certificates"));
  X509_STORE* const roots = SSL_CTX_get_cert_store(context);
  for (;;) {
    const bssl::UniquePtr<X509> root(PEM_read_bio_X509(pem.get(), nullptr, no_passphrase, nullptr));
    if (!root) break;
    bssl::UniquePtr<X509_NAME> name(X509_NAME_dup(X509_get_subject_name(root.get())));
    if (!name || X509_STORE_add_cert(roots, root.get()) != 1 ||
        sk_X509_NAME_push(names.get(), name.get()) == 0) {
      return fail(library_error(ErrorCode::kInvalid, "authorities of client certificates"));
    }
    [[maybe_unused]] const auto* kept = name.release();  // the stack owns it now
  }
  ERR_clear_error();  // "no start line" at the end of the text
  if (sk_X509_NAME_num(names.get()) == 0)
    return fail(ErrorCode::kInvalid, "no certificate of an authority in it");
  SSL_CTX_set_client_CA_list(context, names.release());  // takes it
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, accept_any);
  return {};
}

std::vector<std::string> TlsStream::verified_names() const {
  const bssl::UniquePtr<X509> certificate(SSL_get_peer_certificate(ssl_.get()));
  if (!certificate || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return {};
  // That result is of the first handshake: a ticket may have brought it here after the last day.
  if (X509_cmp_current_time(X509_get0_notAfter(certificate.get())) <= 0) return {};
  auto names = mail_names(certificate.get());
  ERR_clear_error();
  return names.empty() ? common_name(certificate.get()) : names;
}

}  // namespace hauspost::tls
