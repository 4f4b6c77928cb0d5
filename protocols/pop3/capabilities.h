// What CAPA and LANG list (RFC 2449 section 5, RFC 6856 section 3), before and after login. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hauspost::pop3 {

struct CapabilityFacts {
  bool may_log_in = false;  // TLS is on
  bool offers_tls = false;  // STLS would be accepted
  bool logged_in = false;
  std::vector<std::string_view> mechanisms = {"PLAIN", "LOGIN"};  // of AUTH
};

// The whole positive answer to CAPA, its last dot included.
std::string capability_reply(const CapabilityFacts& facts);

// The whole answer to LANG; an empty `language` asks for the list. English is all there is.
std::string language_reply(std::string_view language);

}  // namespace hauspost::pop3
