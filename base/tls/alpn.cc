#include "base/tls/alpn.h"

namespace hauspost::tls {

namespace {

int alpn_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

}  // namespace

bool set_alpn(SSL* ssl, const std::string_view* protocol) {
  // The library stores plain pointers; this one is only ever read back as what it was.
  return SSL_set_ex_data(ssl, alpn_index(), const_cast<std::string_view*>(protocol)) == 1;
}

int select_alpn(SSL* ssl, const std::uint8_t** chosen, std::uint8_t* chosen_bytes,
                const std::uint8_t* offered, unsigned offered_bytes, void*) {
  const auto* ours = static_cast<const std::string_view*>(SSL_get_ex_data(ssl, alpn_index()));
  if (ours == nullptr || ours->empty()) return SSL_TLSEXT_ERR_NOACK;
  for (unsigned at = 0; at < offered_bytes;) {
    const unsigned length = offered[at];
    if (length > offered_bytes - at - 1) break;
    const std::string_view name(reinterpret_cast<const char*>(offered + at + 1), length);
    if (name == *ours) {
      *chosen = offered + at + 1;
      *chosen_bytes = static_cast<std::uint8_t>(length);
      return SSL_TLSEXT_ERR_OK;
    }
    at += 1 + length;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace hauspost::tls
